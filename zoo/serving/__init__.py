"""Checkpoints behind a server that speaks the Open Inference Protocol: MLServer."""

import importlib.util
import json
import math
import os
import signal
import socket
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import zoo
from zoo import hub

# TensorFlow's type -> the Open Inference Protocol's
DATATYPES = {"string": "BYTES", "uint8": "UINT8", "float32": "FP32"}


def serve(
    sources: Sequence[str],
    folder: Path,
    *,
    host: str = "127.0.0.1",
    http_port: int = 8080,
    grpc_port: int = 8081,
    metrics_port: int = 8082,
    max_batch_size: int = 64,
    max_batch_time: float = 0.003,
    trust: bool = False,
) -> None:
    """Serves checkpoints over REST and gRPC until the process gets SIGTERM or SIGINT.

    Requests that have begun are answered before it returns.

    Args:
        sources: names of checkpoints, or paths or URLs of checkpoint folders, each served under
            the last part of it.
        folder: where the SavedModels and MLServer's settings are written. A published revision
            that was exported there before is not exported again.
        host: address to listen at. Whoever can reach it can use the models: there is no password,
            and no encryption.
        http_port: of REST.
        grpc_port: of gRPC.
        metrics_port: of `/metrics`, in Prometheus's format.
        max_batch_size: texts or pictures that go through a model at once.
        max_batch_time: seconds that a request waits for others to go with it.
        trust: take a folder or URL the zoo does not know.

    Raises:
        ModuleNotFoundError: if MLServer is not installed.
        OSError: if a port is taken, or the host is none of this machine.
        ValueError: if two sources have one name or two ports one number, a bound of the batches is
            none, a model takes more than one tensor, as a language model does; or as `zoo.export`.
        FileExistsError: if `folder` holds an export of a checkpoint that is not the zoo's own.
        RuntimeError: if a model cannot be loaded.
    """
    if not importlib.util.find_spec("mlserver"):
        raise ModuleNotFoundError("serving needs MLServer: pip install 'gatezoo[serve]'")
    names = [name_of(source) for source in sources]
    if twice := [name for name in names if names.count(name) > 1]:
        raise ValueError(f"two models are named {twice[0]!r}, and a server needs one name a model")
    if max_batch_size < 1 or not 0 <= max_batch_time < math.inf:
        raise ValueError(
            "max_batch_size must be at least 1 and max_batch_time a number of seconds, got "
            f"{max_batch_size!r} and {max_batch_time!r}"
        )
    ports = (http_port, grpc_port, metrics_port)
    if len(set(ports)) < len(ports):
        raise ValueError(f"REST, gRPC and metrics need a port each, got {ports}")
    # While the models are written, SIGTERM ends the process as SIGINT does: nothing is left behind.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    for port in ports:
        _check_free(host, port)
    # In a process of its own, so that the one that serves holds neither Keras nor the models'
    # other form.
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        process.submit(
            write_models,
            sources,
            folder,
            max_batch_size=max_batch_size,
            max_batch_time=max_batch_time,
            trust=trust,
        ).result()
    settings = {
        "host": host,
        "http_port": http_port,
        "grpc_port": grpc_port,
        "metrics_port": metrics_port,
        # Debug mode shows tracebacks to clients and logs every request.
        "debug": False,
        # The event loop and TensorFlow's threads share a process; a second would pickle requests.
        "parallel_workers": 0,
        # Answers are small.
        "gzip_enabled": False,
    }
    (folder / "settings.json").write_text(json.dumps(settings, indent=2) + "\n")
    from zoo.serving.server import run

    run(folder, names)


def write_models(
    sources: Sequence[str],
    folder: Path,
    *,
    max_batch_size: int,
    max_batch_time: float,
    trust: bool = False,
) -> None:
    """Writes `NAME/VERSION/`, a SavedModel, and `NAME/model-settings.json` of each checkpoint.

    Raises:
        ValueError: if a model takes more than one tensor; or as `zoo.export`.
        FileExistsError: as `serve`.
    """
    for source in sources:
        name = name_of(source)
        published = source.partition("@")[0] in hub.index()
        version = zoo.info(source)["revision"] if published else 1
        saved_model = folder / name / str(version)
        if not (published and (saved_model / "saved_model.pb").is_file()):
            # A mistake is told before Keras is imported.
            hub.fetch(source, trust=trust)
            saved_model = zoo.export(source, folder / name, trust=trust)
        signature = signature_of(saved_model)
        if len(signature["inputs"]) > 1:
            asked = ", ".join(one["name"] for one in signature["inputs"])
            raise ValueError(f"{source} cannot be served: it has more inputs than one, {asked}")
        settings = {
            "name": name,
            "implementation": "zoo.serving.runtime.SavedModelRuntime",
            "platform": "tensorflow_savedmodel",
            "versions": [saved_model.name],
            **signature,
            "parameters": {
                "uri": str(saved_model.absolute()),
                "version": saved_model.name,
                "extra": {"max_batch_size": max_batch_size, "max_batch_time": max_batch_time},
            },
        }
        (folder / name / "model-settings.json").write_text(json.dumps(settings, indent=2) + "\n")


def name_of(source: str) -> str:
    """Returns the name that a model is served under: the last part, without a revision.

    Of `.` and `..` it is the name of that folder.
    """
    return os.path.basename(os.path.abspath(source)).partition("@")[0]


def signature_of(saved_model: Path) -> dict[str, Any]:
    """Returns `inputs` and `outputs` of a SavedModel's `serving_default`, in MLServer's terms."""
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel
    from tensorflow.dtypes import as_dtype

    content = SavedModel.FromString((saved_model / "saved_model.pb").read_bytes())
    signature = content.meta_graphs[0].signature_def["serving_default"]

    def tensors(infos: Any) -> list[dict[str, Any]]:
        return [
            {
                "name": name,
                "datatype": DATATYPES[as_dtype(info.dtype).name],
                "shape": [axis.size for axis in info.tensor_shape.dim],
            }
            for name, info in sorted(infos.items())
        ]

    return {"inputs": tensors(signature.inputs), "outputs": tensors(signature.outputs)}


def _check_free(host: str, port: int) -> None:
    # gRPC would share a port with another server in silence.
    try:
        [(family, *_), *_] = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        raise OSError(f"cannot listen at {host}, port {port}: {error.strerror}") from error
