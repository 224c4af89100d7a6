"""Asks a running `zoo serve bilstm_atis highway_mnist_50` over gRPC, with `tritonclient`.

    python docs/examples/grpc_client.py 127.0.0.1:8081

`pip install "tritonclient[grpc]"` gives a client of the Open Inference Protocol, whatever server
speaks it.
"""

import sys
from pathlib import Path

import numpy as np
from tritonclient.grpc import InferenceServerClient, InferInput

server = InferenceServerClient(sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:8081")


def infer(model, name, datatype, array):
    """Returns what the model answers; `as_numpy` takes an output out of it."""
    tensor = InferInput(name, array.shape, datatype)
    tensor.set_data_from_numpy(array)
    return server.infer(model, [tensor])


texts = ["leave Taipei on November 2nd", "arrive Taipei on November 2nd"]
answer = infer("bilstm_atis", "texts", "BYTES", np.array([text.encode() for text in texts], object))
intents, tokens, tags = (answer.as_numpy(name) for name in ("intents", "tokens", "tags"))
for intent, row in zip(intents, np.stack([tokens, tags], axis=-1), strict=True):
    # After a text's last word, up to the longest text's, stand empty strings.
    print(intent.decode(), *(f"{word.decode()}/{tag.decode()}" for word, tag in row if word))

with np.load(Path(__file__).with_name("mnist_test_300.npz")) as digits:
    pixels = digits["pictures"][:5]
answer = infer("highway_mnist_50", "pixels", "UINT8", pixels)
print(*(label.decode() for label in answer.as_numpy("labels")))
