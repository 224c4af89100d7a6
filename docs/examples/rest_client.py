"""Asks a running `zoo serve bilstm_atis highway_mnist_50` over REST, with `requests`.

python docs/examples/rest_client.py http://127.0.0.1:8080
"""

import sys
from pathlib import Path

import numpy as np
import requests

server = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8080"


def infer(model, name, datatype, shape, data):
    """Returns output name -> array."""
    tensor = {"name": name, "datatype": datatype, "shape": shape, "data": data}
    response = requests.post(f"{server}/v2/models/{model}/infer", json={"inputs": [tensor]})
    if not response.ok:
        sys.exit(f"{response.status_code}: {response.text}")
    outputs = response.json()["outputs"]
    return {output["name"]: np.reshape(output["data"], output["shape"]) for output in outputs}


texts = ["leave Taipei on November 2nd", "arrive Taipei on November 2nd"]
answer = infer("bilstm_atis", "texts", "BYTES", [len(texts)], texts)
for intent, tokens, tags in zip(answer["intents"], answer["tokens"], answer["tags"], strict=True):
    # After a text's last word, up to the longest text's, stand empty strings.
    print(intent, *(f"{token}/{tag}" for token, tag in zip(tokens, tags, strict=True) if token))

with np.load(Path(__file__).with_name("mnist_test_300.npz")) as digits:
    pixels = digits["pictures"][:5]
answer = infer("highway_mnist_50", "pixels", "UINT8", pixels.shape, pixels.tolist())
print(*answer["labels"])
