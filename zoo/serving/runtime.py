"""The runtime that MLServer loads: a SavedModel of `zoo.export`, behind a queue that makes batches.

It computes with TensorFlow alone, without Keras and the layers of this package.
"""

import asyncio
import gc
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from math import prod
from typing import Any

import mlserver
import numpy as np
from mlserver.errors import MLServerError
from mlserver.types import (
    InferenceRequest,
    InferenceResponse,
    MetadataTensor,
    RequestInput,
    ResponseOutput,
)

# Words, padding with them, that go through a model at once: memory must not grow with the longest
# text times the number of all.
WORDS_AT_ONCE = 8192


@dataclass(frozen=True)
class Rows:
    """The checked input of a request.

    Args:
        values: UTF-8 texts, bytes objects `(batch,)`, or uint8 pixels `(batch, …)`.
        words: of the longest text; a picture counts as one.
    """

    values: np.ndarray
    words: int


class SavedModelRuntime(mlserver.MLModel):
    """Answers requests by the `serving_default` signature of a SavedModel.

    Its settings, as `zoo.serving` writes them, name the folder (`parameters.uri`), the signature's
    tensors (`inputs`, `outputs`), and the arguments of `Batches` (`parameters.extra`).

    A request has the signature's one input, BYTES `(batch,)`, UTF-8 texts, or UINT8 `(batch, …)`,
    pixels; a last axis of one more is as good as none. The answer has the signature's outputs, or
    those that the request names. Any other request is refused with status 400, in gRPC
    INVALID_ARGUMENT, before it can meet others in a batch.
    """

    async def load(self) -> bool:
        [self._input] = self.settings.inputs
        self._outputs = {output.name: output for output in self.settings.outputs}
        # TensorFlow lets go of Python's lock while it computes: the event loop goes on meanwhile.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=self.name)
        loop = asyncio.get_running_loop()
        self._signature = await loop.run_in_executor(self._thread, self._read)
        parameters: Any = self.settings.parameters
        self._batches = Batches(self._call, self._thread, **parameters.extra)
        # What TensorFlow and the model have made stays. A full collection would look through it
        # each time, and answer nothing for some tenths of a second.
        gc.collect()
        gc.freeze()
        return True

    async def unload(self) -> bool:
        self._thread.shutdown(wait=False)
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        # MLServer repeats it in a header of the response.
        if payload.id is not None and not (payload.id.isascii() and payload.id.isprintable()):
            raise MLServerError(f"id must be printable ASCII, got {payload.id!r}")
        asked = [output.name for output in payload.outputs or []] or list(self._outputs)
        if unknown := [name for name in asked if name not in self._outputs]:
            raise MLServerError(
                f"{self.name} has no output {unknown[0]!r}; it has {', '.join(self._outputs)}"
            )
        names = [given.name for given in payload.inputs]
        if names != [self._input.name]:
            raise MLServerError(f"{self.name} has one input, {self._input.name!r}; got {names}")
        outputs = await self._batches.answer(checked_rows(payload.inputs[0], self._input))
        return InferenceResponse(
            model_name=self.name,
            model_version=self.version,
            outputs=[
                ResponseOutput(
                    name=name,
                    shape=list(outputs[name].shape),
                    datatype=self._outputs[name].datatype,
                    data=outputs[name].ravel().tolist(),
                )
                for name in asked
            ],
        )

    def _read(self) -> Callable[..., Any]:
        """Returns the signature, after a first call, which takes longer than later ones."""
        import tensorflow as tf

        parameters: Any = self.settings.parameters
        self._model = tf.saved_model.load(parameters.uri)
        signature = self._model.signatures["serving_default"]
        is_text = self._input.datatype == "BYTES"
        example = ["a b"] if is_text else np.zeros([1, *self._input.shape[1:]], np.uint8)
        signature(**{self._input.name: tf.constant(example)})
        return signature

    def _call(self, requests: list[Rows]) -> list[dict[str, np.ndarray]]:
        """Returns the outputs of each request, after one call of the model for all of them."""
        import tensorflow as tf

        values = np.concatenate([rows.values for rows in requests])
        tensors = self._signature(**{self._input.name: tf.constant(values)})
        found = {name: tensors[name].numpy() for name in self._outputs}
        answers, start = [], 0
        for rows in requests:
            part = slice(start, start := start + len(rows.values))
            answers.append(
                {
                    # The padding is that of the longest text of all: none of it is this request's.
                    name: array[part, : rows.words]
                    if self._outputs[name].shape[1:] == [-1]
                    else array[part]
                    for name, array in found.items()
                }
            )
        return answers


class Batches:
    """Lets requests that wait at the same time share one call of a model.

    MLServer's adaptive batching joins requests before the runtime sees them. There one wrong
    request fails all that it meets, a gRPC call that is cancelled leaves them waiting for ever,
    and one long text pads every other. Here requests are checked before, a cancelled one is passed
    over, and a batch is bounded by its padded size.

    Args:
        call: takes the rows of each request, returns an answer for each.
        thread: runs `call`.
        max_batch_size: rows of a batch; a request with more is one by itself. 1 turns batches off.
        max_batch_time: seconds that a request waits for others when the model is free.
    """

    def __init__(
        self,
        call: Callable[[list[Rows]], list[dict[str, np.ndarray]]],
        thread: ThreadPoolExecutor,
        *,
        max_batch_size: int,
        max_batch_time: float,
    ):
        self._call, self._thread = call, thread
        self._max_batch_size, self._max_batch_time = max_batch_size, max_batch_time
        self._waiting: deque[tuple[Rows, asyncio.Future]] = deque()
        self._worker: asyncio.Task | None = None

    async def answer(self, rows: Rows) -> dict[str, np.ndarray]:
        """Returns the outputs of a request."""
        answer = asyncio.get_running_loop().create_future()
        self._waiting.append((rows, answer))
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._work())
        return await answer

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            if self._max_batch_time and len(self._waiting) < self._max_batch_size:
                await asyncio.sleep(self._max_batch_time)
            batch = self._next()
            requests = [rows for rows, answer in batch]
            try:
                found = await loop.run_in_executor(self._thread, self._call, requests)
            except Exception as error:
                for _, answer in batch:
                    if not answer.done():
                        answer.set_exception(error)
                continue
            for (_, answer), outputs in zip(batch, found, strict=True):
                # One that was cancelled is done.
                if not answer.done():
                    answer.set_result(outputs)

    def _next(self) -> list[tuple[Rows, asyncio.Future]]:
        """Takes requests from the queue while a batch of them is within its bounds."""
        batch = [self._waiting.popleft()]
        size, words = len(batch[0][0].values), batch[0][0].words
        while self._waiting:
            rows = self._waiting[0][0]
            size, words = size + len(rows.values), max(words, rows.words)
            if size > self._max_batch_size or size * words > WORDS_AT_ONCE:
                break
            batch.append(self._waiting.popleft())
        return batch


def checked_rows(given: RequestInput, expected: MetadataTensor) -> Rows:
    """Returns an input's rows.

    Args:
        given: as it came, by REST or gRPC.
        expected: the input's name, datatype and shape, -1 for the batch.

    Raises:
        MLServerError: with status 400, if it is anything but what is expected.
    """
    what = f"input {given.name!r}"
    if given.datatype != expected.datatype:
        raise MLServerError(f"{what} must be {expected.datatype}, got {given.datatype}")
    is_text = expected.datatype == "BYTES"
    content_type = given.parameters and given.parameters.content_type
    if content_type not in (None, "str" if is_text else "np"):
        raise MLServerError(f"{what} must come as it is, got content_type {content_type!r}")
    shape = list(given.shape)
    # Clients write n texts as (n, 1), and grey pictures with a channel.
    while len(shape) > len(expected.shape) and shape[-1] == 1:
        shape.pop()
    if len(shape) != len(expected.shape) or shape[1:] != expected.shape[1:] or shape[0] < 1:
        wanted = ", ".join(["batch", *map(str, expected.shape[1:])])
        raise MLServerError(f"{what} must have shape [{wanted}], got {given.shape}")
    data = getattr(given.data, "root", given.data)
    if not isinstance(data, list):
        raise MLServerError(f"{what} must have a list as its data, got {type(data).__name__}")
    while data and all(isinstance(part, list) for part in data):
        if len({len(part) for part in data}) > 1:
            raise MLServerError(f"{what} must hold nested lists of one length")
        data = list(chain.from_iterable(data))
    if len(data) != prod(shape):
        raise MLServerError(
            f"{what} has shape {given.shape}, that is {prod(shape)} values, but {len(data)} in "
            "its data"
        )
    rows = _texts(data, what) if is_text else _pictures(data, shape, what)
    if len(rows.values) * rows.words > WORDS_AT_ONCE:
        raise MLServerError(
            f"{what} is too large: {len(rows.values)} rows of up to {rows.words} words; a request "
            f"may hold {WORDS_AT_ONCE} words, every row counted as long as the longest"
        )
    return rows


def _texts(data: list[Any], what: str) -> Rows:
    texts, words = [], 1
    for text in data:
        if not isinstance(text, str | bytes):
            raise MLServerError(f"{what} must hold texts, got {type(text).__name__}")
        try:
            # By REST a text comes as str, by gRPC as bytes.
            text = text.decode() if isinstance(text, bytes) else text
            texts.append(text.encode())
        except UnicodeError as error:
            raise MLServerError(f"{what} must hold UTF-8: {error}") from error
        words = max(words, len(text.split()))
    return Rows(np.array(texts, object), words)


def _pictures(data: list[Any], shape: list[int], what: str) -> Rows:
    if not all(type(pixel) is int for pixel in data):
        raise MLServerError(f"{what} must hold whole numbers")
    if min(data) < 0 or max(data) > 255:
        raise MLServerError(f"{what} must hold pixels from 0 to 255")
    return Rows(np.array(data, np.uint8).reshape(shape), 1)
