"""`zoo serve`: a real server, asked over REST and gRPC, rightly and wrongly."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import grpc
import numpy as np
import pytest
import requests
import tensorflow as tf
from helpers import ROOT, run_python
from hypothesis import HealthCheck, given, settings
from malformed import malformed, pixel_tensor, text_tensor
from mlserver.grpc import dataplane_pb2 as pb
from mlserver.grpc.dataplane_pb2_grpc import GRPCInferenceServiceStub
from tensorflow_serving.apis.predict_pb2 import PredictRequest, PredictResponse
from typer.testing import CliRunner

import zoo
from zoo.cli import app

MODELS = ["bilstm_atis", "highway_mnist_50"]
TEXTS = [
    "leave Taipei on November 2nd",
    "show me all flights from boston to denver on monday morning that serve breakfast",
    "fares",
    "Flüge von Köln",
    "",
    " \u3000 what is the cheapest\tfare from dallas to baltimore ",
]
with np.load(ROOT / "docs" / "examples" / "mnist_test_300.npz") as digits:
    PICTURES = digits["pictures"][:20]


def free_ports(count):
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


@contextmanager
def serving(command, ports, log):
    """Yields the process of a server that is ready, and ends it if it still runs."""
    with log.open("w") as output:
        process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT)
    try:
        while True:
            assert process.poll() is None, log.read_text()
            try:
                if requests.get(f"http://127.0.0.1:{ports[0]}/v2/health/ready").ok:
                    break
            except requests.ConnectionError:
                time.sleep(0.1)
        yield process
    finally:
        process.kill()
        process.wait()


class Server:
    def __init__(self, folder, ports, process, log):
        self.folder, self.process, self.log = folder, process, log
        self.rest, self.metrics = (f"http://127.0.0.1:{port}" for port in ports[::2])
        self.grpc = f"127.0.0.1:{ports[1]}"

    def post(self, model, tensor, **more):
        body = {"inputs": [tensor], **more}
        return requests.post(f"{self.rest}/v2/models/{model}/infer", json=body)

    def ask(self, model, tensor, **more):
        """Returns output name -> nested lists of the tensor's shape."""
        response = self.post(model, tensor, **more)
        assert response.status_code == 200, response.text
        return {
            output["name"]: np.reshape(output["data"], output["shape"]).tolist()
            for output in response.json()["outputs"]
        }


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    scratch = tmp_path_factory.mktemp("serving")
    ports = free_ports(3)
    options = ["--http-port", "--grpc-port", "--metrics-port"]
    command = [sys.executable, "-m", "zoo", "serve", *MODELS, "--folder", scratch / "models"]
    for option, port in zip(options, ports, strict=True):
        command += [option, str(port)]
    with serving(command, ports, scratch / "log") as process:
        yield Server(scratch / "models", ports, process, scratch / "log")


@pytest.fixture(scope="module")
def fill():
    return zoo.pipeline("bilstm_atis")


@pytest.fixture(scope="module")
def classify():
    return zoo.pipeline("highway_mnist_50")


def assert_same_sentence(answer, row, expected):
    """Row `row` of a served answer says what the pipeline does."""
    tokens = [token["text"] for token in expected["tokens"]]
    padding = [""] * (len(answer["tokens"][row]) - len(tokens))
    assert answer["tokens"][row] == tokens + padding
    assert answer["tags"][row] == expected["tags"] + padding
    scores = [token["score"] for token in expected["tokens"]] + [0] * len(padding)
    np.testing.assert_allclose(answer["scores"][row], scores, atol=1e-4)
    if tokens:
        assert answer["intents"][row] == expected["intent"]
        assert answer["intent_scores"][row] == pytest.approx(expected["intent_score"], abs=1e-4)


def test_health_and_metadata(server):
    for path in ("/v2/health/live", "/v2/health/ready", "/v2"):
        assert requests.get(server.rest + path).status_code == 200
    for model in MODELS:
        assert requests.get(f"{server.rest}/v2/models/{model}/ready").status_code == 200
    atis = requests.get(f"{server.rest}/v2/models/bilstm_atis").json()
    assert atis["versions"] == [str(zoo.info("bilstm_atis")["revision"])]
    assert atis["inputs"] == [{"name": "texts", "datatype": "BYTES", "shape": [-1]}]
    assert {(o["name"], o["datatype"], len(o["shape"])) for o in atis["outputs"]} == {
        ("tokens", "BYTES", 2),
        ("tags", "BYTES", 2),
        ("scores", "FP32", 2),
        ("intents", "BYTES", 1),
        ("intent_scores", "FP32", 1),
    }
    digits = requests.get(f"{server.rest}/v2/models/highway_mnist_50").json()
    assert digits["inputs"] == [{"name": "pixels", "datatype": "UINT8", "shape": [-1, 28, 28]}]
    assert {"name": "probabilities", "datatype": "FP32", "shape": [-1, 10]} in digits["outputs"]


@pytest.mark.parametrize("example", ["rest_client.py", "grpc_client.py"])
def test_example_client_prints_what_the_pipelines_say(server, example, fill, classify):
    address = server.rest if example == "rest_client.py" else server.grpc
    done = subprocess.run(
        [sys.executable, ROOT / "docs" / "examples" / example, address],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    expected = []
    for answer in fill(["leave Taipei on November 2nd", "arrive Taipei on November 2nd"]):
        pairs = (f"{token['text']}/{token['tag']}" for token in answer["tokens"])
        expected.append(" ".join([answer["intent"], *pairs]))
    expected.append(" ".join(answer["label"] for answer in classify(PICTURES[:5])))
    assert done.stdout.splitlines() == expected


def test_texts_of_different_lengths_in_one_request(server, fill):
    answer = server.ask("bilstm_atis", text_tensor(TEXTS))
    for row, expected in enumerate(fill(TEXTS)):
        assert_same_sentence(answer, row, expected)


def test_clients_at_once_get_the_answers_of_the_pipeline(server, fill, classify):
    """Their requests share batches, and nothing of one is seen in the answer of another."""
    sentences, pictures = fill(TEXTS), classify(PICTURES)

    def ask(i):
        text, digit = i % len(TEXTS), i % len(PICTURES)
        sentence = server.ask("bilstm_atis", text_tensor([TEXTS[text]]))
        assert_same_sentence(sentence, 0, sentences[text])
        # No padding is left of the longer texts beside it.
        assert len(sentence["tokens"][0]) == max(1, len(TEXTS[text].split()))
        picture = server.ask("highway_mnist_50", pixel_tensor(PICTURES[digit].ravel().tolist()))
        assert picture["labels"] == [pictures[digit]["label"]]
        probabilities = list(pictures[digit]["probabilities"].values())
        np.testing.assert_allclose(picture["probabilities"], [probabilities], atol=1e-4)

    with ThreadPoolExecutor(24) as clients:
        assert len(list(clients.map(ask, range(120)))) == 120


def test_forms_of_a_right_request(server):
    flat = pixel_tensor(PICTURES[:2].ravel().tolist()) | {"shape": [2, 28, 28]}
    expected = server.ask("highway_mnist_50", flat)
    for form in (
        flat | {"data": PICTURES[:2].tolist()},
        flat | {"shape": [2, 28, 28, 1]},
        flat | {"parameters": {"content_type": "np"}},
    ):
        assert server.ask("highway_mnist_50", form)["labels"] == expected["labels"]
    # As MLServer's own client writes texts.
    texts = text_tensor(TEXTS[:2]) | {"shape": [2, 1], "parameters": {"content_type": "str"}}
    answer = server.ask("bilstm_atis", texts, outputs=[{"name": "tags"}, {"name": "intents"}])
    assert list(answer) == ["tags", "intents"]
    response = server.post("bilstm_atis", text_tensor(["hi"]), id="mine")
    assert response.json()["id"] == "mine"
    assert response.json()["model_version"] == str(zoo.info("bilstm_atis")["revision"])


@pytest.mark.parametrize("model", MODELS)
def test_malformed_request_is_refused(server, model):
    with requests.Session() as session:

        @settings(
            max_examples=200,
            database=None,
            derandomize=True,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(malformed(model))
        def refused(body):
            url = f"{server.rest}/v2/models/{model}/infer"
            headers = {"Content-Type": "application/json"}
            response = session.post(url, data=body, headers=headers)
            assert 400 <= response.status_code < 500, body
            assert response.json().keys() <= {"error", "detail"}

        refused()
    assert server.ask("bilstm_atis", text_tensor(["hi"]))["tokens"] == [["hi"]]


@pytest.mark.parametrize(
    ("model", "tensor", "message"),
    [
        ("bilstm_atis", {"name": "text"}, "one input, 'texts'; got ['text']"),
        ("bilstm_atis", {"datatype": "FP32"}, "must be BYTES, got FP32"),
        ("bilstm_atis", {"shape": [2**62]}, f"{2**62} values, but 1 in its data"),
        ("bilstm_atis", {"shape": [1, 2]}, "must have shape [batch], got [1, 2]"),
        ("bilstm_atis", {"shape": [0], "data": []}, "must have shape [batch], got [0]"),
        ("bilstm_atis", {"data": [3]}, "must hold texts, got int"),
        ("bilstm_atis", {"data": "hi"}, "must have a list as its data, got str"),
        ("bilstm_atis", {"parameters": {"content_type": "base64"}}, "content_type 'base64'"),
        ("bilstm_atis", {"data": ["w " * 8193]}, "is too large: 1 rows of up to 8193 words"),
        ("highway_mnist_50", {"shape": [1, 784]}, "must have shape [batch, 28, 28]"),
        ("highway_mnist_50", {"data": [256] * 784}, "must hold pixels from 0 to 255"),
        ("highway_mnist_50", {"data": [0.5] * 784}, "must hold whole numbers"),
    ],
)
def test_refusal_says_what_is_wrong(server, model, tensor, message):
    right = text_tensor(["hi"]) if model == "bilstm_atis" else pixel_tensor([0] * 784)
    response = server.post(model, right | tensor)
    assert response.status_code == 400
    assert message in response.json()["error"]


def test_refusals_that_are_not_about_a_tensor(server):
    hi = text_tensor(["hi"])
    assert "no output 'tag'" in server.post("bilstm_atis", hi, outputs=[{"name": "tag"}]).text
    assert server.post("bilstm_atis", hi, id="né").status_code == 400
    assert server.post("bilstm_atiss", hi).status_code == 404
    assert server.post("bilstm_atis/versions/7", hi).status_code == 404
    repository = f"{server.rest}/v2/repository/models"
    for action in ("load", "unload"):
        assert requests.post(f"{repository}/bilstm_atis/{action}").status_code == 403
    stream = f"{server.rest}/v2/models/bilstm_atis/infer_stream"
    assert requests.post(stream, json={"inputs": [hi]}).status_code == 404
    broken_gzip = requests.post(
        f"{server.rest}/v2/models/bilstm_atis/infer",
        data=b"\x1f\x8bnothing",
        headers={"Content-Encoding": "gzip", "Content-Type": "application/json"},
    )
    assert broken_gzip.status_code == 400


def infer_request(model, name, datatype, shape, **contents):
    tensor = pb.ModelInferRequest.InferInputTensor(
        name=name, datatype=datatype, shape=shape, contents=pb.InferTensorContents(**contents)
    )
    return pb.ModelInferRequest(model_name=model, inputs=[tensor])


@pytest.mark.parametrize(
    ("request_", "code", "message"),
    [
        (
            infer_request("bilstm_atis", "texts", "BYTES", [1], bytes_contents=[b"\xff"]),
            grpc.StatusCode.INVALID_ARGUMENT,
            "must hold UTF-8",
        ),
        (
            infer_request("bilstm_atis", "texts", "BYTES", [2], bytes_contents=[b"hi"]),
            grpc.StatusCode.INVALID_ARGUMENT,
            "2 values, but 1 in its data",
        ),
        (
            infer_request("highway_mnist_50", "pixels", "UINT8", [1, 28, 28], fp32_contents=[1.0]),
            grpc.StatusCode.INVALID_ARGUMENT,
            "784 values, but 1 in its data",
        ),
        (
            infer_request("nothing", "texts", "BYTES", [1], bytes_contents=[b"hi"]),
            grpc.StatusCode.NOT_FOUND,
            "Model nothing",
        ),
    ],
)
def test_grpc_refuses(server, request_, code, message):
    with grpc.insecure_channel(server.grpc) as channel, pytest.raises(grpc.RpcError) as caught:
        GRPCInferenceServiceStub(channel).ModelInfer(request_)
    assert caught.value.code() == code
    assert message in caught.value.details()


def test_clients_that_give_up_or_ask_wrongly_leave_the_others_alone(server):
    wrong = text_tensor(["hi"]) | {"shape": [2]}
    hasty = infer_request("bilstm_atis", "texts", "BYTES", [1], bytes_contents=[b"hi there"])

    def ask(i):
        if i % 3 == 0:
            assert server.post("bilstm_atis", wrong).status_code == 400
        elif i % 3 == 1:
            stub.ModelInfer.future(hasty, timeout=0.002).cancel()
        else:
            assert server.ask("bilstm_atis", text_tensor(["hi"]))["tokens"] == [["hi"]]

    with grpc.insecure_channel(server.grpc) as channel, ThreadPoolExecutor(12) as clients:
        stub = GRPCInferenceServiceStub(channel)
        assert len(list(clients.map(ask, range(90)))) == 90


def test_metrics_count_requests(server):
    def count():
        lines = requests.get(f"{server.metrics}/metrics").text.splitlines()
        start = 'model_infer_request_success_total{model="highway_mnist_50"'
        return sum(float(line.split()[-1]) for line in lines if line.startswith(start))

    before = count()
    server.ask("highway_mnist_50", pixel_tensor([0] * 784))
    assert count() == before + 1


def test_a_signal_lets_requests_end_and_keras_is_not_needed(server, tmp_path):
    """The models that were exported for one server serve another, in a process without Keras."""
    ports = free_ports(3)
    names = ("http_port", "grpc_port", "metrics_port")
    written = json.loads((server.folder / "settings.json").read_text())
    assert written["host"] == "127.0.0.1"
    (tmp_path / "settings.json").write_text(
        json.dumps(written | dict(zip(names, ports, strict=True)))
    )
    os.symlink(server.folder / "bilstm_atis", tmp_path / "bilstm_atis")
    code = (
        "import sys, pathlib; sys.modules['keras'] = None; from zoo.serving.server import run; "
        "run(pathlib.Path(sys.argv[1]), ['bilstm_atis'])"
    )
    command = [sys.executable, "-c", code, tmp_path]
    with serving(command, ports, tmp_path / "log") as process:
        url = f"http://127.0.0.1:{ports[0]}/v2/models/bilstm_atis/infer"
        body = {"inputs": [text_tensor(["w " * 8000])]}
        with ThreadPoolExecutor(2) as clients:
            answers = [clients.submit(requests.post, url, json=body) for _ in range(2)]
            # Until both are under way; then the server has seconds of work to do.
            while "2.0" not in [
                line.split()[-1]
                for line in requests.get(f"http://127.0.0.1:{ports[2]}/metrics").text.splitlines()
                if line.startswith("rest_server_requests_in_progress{")
            ]:
                assert not answers[0].done()
            process.send_signal(signal.SIGINT)
            assert [answer.result().status_code for answer in answers] == [200, 200]
        assert process.wait() == 0, (tmp_path / "log").read_text()


def test_signature_can_be_asked_by_a_request_of_tensorflow_serving(server):
    """TF Serving itself is not here: what is held together are its messages and the signature."""
    inputs = {"bilstm_atis": {"texts": TEXTS}, "highway_mnist_50": {"pixels": PICTURES}}
    for model, tensors in inputs.items():
        request = PredictRequest()
        request.model_spec.name, request.model_spec.signature_name = model, "serving_default"
        for name, value in tensors.items():
            request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
        received = PredictRequest.FromString(request.SerializeToString())

        loaded = tf.saved_model.load(server.folder / model / str(zoo.info(model)["revision"]))
        signature = loaded.signatures[received.model_spec.signature_name]
        specs = signature.structured_input_signature[1]
        assert specs.keys() == received.inputs.keys()
        for name, proto in received.inputs.items():
            assert specs[name].dtype == tf.as_dtype(proto.dtype)
            assert specs[name].shape.is_compatible_with(proto.tensor_shape)
        arguments = {name: tf.constant(tf.make_ndarray(p)) for name, p in received.inputs.items()}
        response = PredictResponse()
        for name, value in signature(**arguments).items():
            response.outputs[name].CopyFrom(tf.make_tensor_proto(value))
        metadata = requests.get(f"{server.rest}/v2/models/{model}").json()
        assert response.outputs.keys() == {output["name"] for output in metadata["outputs"]}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["bilstm_ati"], "did you mean bilstm_atis"),
        (["bilstm_atis", "bilstm_atis@1"], "two models are named 'bilstm_atis'"),
        (["bilstm_atis", "--host", "203.0.113.7"], "cannot listen at 203.0.113.7, port 8080"),
        (["bilstm_atis", "--metrics-port", "8080"], "need a port each, got (8080, "),
        (
            ["bilstm_atis", "--max-batch-time", "inf"],
            "max_batch_time a number of seconds, got 64 and",
        ),
        (["gru_shakespeare"], "cannot be served: it has more inputs than one, temperature, texts"),
    ],
)
def test_mistake_is_told_in_one_line(arguments, message):
    ports = [
        part
        for pair in zip(["--grpc-port", "--metrics-port"], map(str, free_ports(2)), strict=True)
        for part in pair
    ]
    handlers = signal.getsignal(signal.SIGTERM)
    done = CliRunner().invoke(app, ["serve", *ports, *arguments])
    signal.signal(signal.SIGTERM, handlers)
    assert done.exit_code == 1
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.splitlines()) == 1
    assert message in done.stderr


def test_port_that_is_taken(server):
    _, grpc_port, _ = free_ports(3)
    taken = server.grpc.partition(":")[2]
    done = CliRunner().invoke(
        app, ["serve", "bilstm_atis", "--http-port", str(grpc_port), "--grpc-port", taken]
    )
    assert done.exit_code == 1
    assert f"cannot listen at 127.0.0.1, port {taken}: Address already in use" in done.stderr


def test_without_mlserver_the_error_names_the_extra(tmp_path):
    code = """
import sys
sys.modules["mlserver"] = None
from pathlib import Path
from zoo.serving import serve
try:
    serve(["bilstm_atis"], Path(sys.argv[1]))
except ModuleNotFoundError as error:
    print(error)
"""
    done = run_python(code, tmp_path)
    assert done.stdout == "serving needs MLServer: pip install 'gatezoo[serve]'\n"
