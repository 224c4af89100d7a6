"""Answers of a checkpoint for all texts of a file, by one process or by many."""

import json
import os
import tempfile
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from zoo import ray_cluster

# Texts that a worker is given at a time: what is done again if it dies.
BLOCK = 1000


def score(
    name: str | Path,
    source: Path,
    output: Path,
    *,
    workers: int | None = None,
    batch_size: int = 128,
    trust: bool = False,
    progress: bool = False,
) -> int:
    """Writes the answer for each text of a file, in their order, and returns how many there are.

    The output appears when it is whole; until then, and after an error, what was there stays. A
    worker that dies is replaced, and what it was given is given to another.

    Args:
        name: of a checkpoint, a folder or a URL, as `zoo.load` takes it.
        source: UTF-8 text, a line each; or `.parquet`, whose column `text` is read.
        output: a JSON object a line, what `zoo.pipeline` returns for the text; or `.parquet`, with
            columns `text` and `answer`, that JSON. Of pictures, a text is the path of a file.
        workers: how many processes answer, by Ray Data; without, this one does.
        batch_size: how many texts go through the model at once.
        trust: as `zoo.load` has it.
        progress: whether to show a bar on standard error, if that is a terminal.

    Raises:
        ValueError: if `source` is `output`, has a line that is not UTF-8 or no column `text`.
        OSError: if a file cannot be read or written.
        ImportError: if workers or Parquet need what is not installed.
    """
    if source.resolve() == output.resolve():
        raise ValueError(f"output must be another file than the input, got {str(output)!r} twice")
    texts = _texts(source)
    if workers:
        found = _by_workers(name, texts, workers, batch_size, trust)
    else:
        found = _by_this_process(name, texts, batch_size, trust)
    return _write(output, _counted(found, progress))


def lines(stream: BinaryIO, where: str) -> Iterator[str]:
    """Yields the lines of UTF-8 text, without their ends, as they are asked for.

    Raises:
        ValueError: at a line that is not UTF-8; the message names it.
    """
    for number, line in enumerate(stream, 1):
        try:
            # Windows writes a mark at the beginning of a file.
            text = line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise ValueError(
                f"{where}, line {number}: not UTF-8 ({error.reason} at byte {error.start + 1})"
            ) from error
        yield text.rstrip("\r\n")


def answers(
    pipe: Any, texts: Iterable[str], **options: Any
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields each text and its answer, in order, reading no further than the batch worked on.

    A text that names a picture is the answer's `file`.

    Args:
        pipe: a pipeline.
        texts: what it is asked for.
        **options: of the pipeline's call.
    """
    asked: deque[str] = deque()

    def noted() -> Iterator[str]:
        for text in texts:
            asked.append(text)
            yield text

    for answer in pipe(noted(), **options):
        text = asked.popleft()
        yield text, answer if "text" in answer else {"file": text, **answer}


class Answering:
    """A worker's pipeline: from `number` and `text` of some texts to `number`, `text`, `answer`."""

    def __init__(self, name: str | Path, batch_size: int, trust: bool):
        import zoo

        self.pipe, self.batch_size = zoo.pipeline(name, trust=trust), batch_size

    def __call__(self, table: dict[str, Any]) -> dict[str, Any]:
        found = answers(self.pipe, table["text"].tolist(), batch_size=self.batch_size)
        return table | {"answer": [_json(answer) for _, answer in found]}


def _json(answer: dict[str, Any]) -> str:
    return json.dumps(answer, ensure_ascii=False)


def _parts(iterable: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """Yields lists of `size`, the last one perhaps shorter."""
    iterator = iter(iterable)
    return iter(lambda: list(islice(iterator, size)), [])


def _texts(source: Path) -> Iterator[str]:
    if source.suffix != ".parquet":
        with source.open("rb") as stream:
            yield from lines(stream, str(source))
        return
    from pyarrow import parquet

    with parquet.ParquetFile(source) as file:
        if "text" not in file.schema_arrow.names:
            raise ValueError(f"{source} has no column 'text', only {file.schema_arrow.names}")
        for batch in file.iter_batches(BLOCK, columns=["text"]):
            yield from (text or "" for text in batch.column("text").to_pylist())


def _by_this_process(
    name: str | Path, texts: Iterator[str], batch_size: int, trust: bool
) -> Iterator[tuple[str, str]]:
    import zoo

    pipe = zoo.pipeline(name, trust=trust)
    for text, answer in answers(pipe, texts, batch_size=batch_size):
        yield text, _json(answer)


def _by_workers(
    name: str | Path, texts: Iterator[str], workers: int, batch_size: int, trust: bool
) -> Iterator[tuple[str, str]]:
    ray_cluster.join(workers)
    import pyarrow as pa
    import ray.data

    context = ray.data.DataContext.get_current()
    context.execution_options.preserve_order = True
    context.enable_progress_bars = False
    blocks = [
        pa.table({"number": range(i * BLOCK, i * BLOCK + len(some)), "text": some})
        for i, some in enumerate(_parts(texts, BLOCK))
    ]
    if not blocks:
        return
    answered = ray.data.from_arrow(blocks).map_batches(
        Answering,
        fn_constructor_args=(name, batch_size, trust),
        batch_size=BLOCK,
        compute=ray.data.ActorPoolStrategy(size=workers),
        num_cpus=1,
        # A worker for each CPU: more threads than that would wait for one another.
        runtime_env={"env_vars": {"TF_NUM_INTRAOP_THREADS": "1"}},
    )
    expected = 0
    for table in answered.iter_batches(batch_size=None, batch_format="numpy"):
        for number, text, answer in zip(
            table["number"], table["text"], table["answer"], strict=True
        ):
            if number != expected:
                raise RuntimeError(f"workers answered text {number} where {expected} was due")
            expected += 1
            yield text, answer
    if expected != sum(len(block) for block in blocks):
        raise RuntimeError(f"workers answered {expected} texts, and there are more")


def _counted(answers: Iterable[tuple[str, str]], progress: bool) -> Iterator[tuple[str, str]]:
    """Yields the answers, and shows how many there were."""
    from rich.console import Console
    from rich.progress import Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.completed:,.0f} texts answered"), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not (progress and console.is_terminal)) as bar:
        yield from bar.track(answers)


def _write(output: Path, answers: Iterator[tuple[str, str]]) -> int:
    """Writes the answers beside `output`, and puts them in its place when they are all there."""
    count = 0
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=f".{output.name}.") as folder:
        part = Path(folder) / output.name
        if output.suffix == ".parquet":
            import pyarrow as pa
            from pyarrow import parquet

            schema = pa.schema([("text", pa.string()), ("answer", pa.string())])
            with parquet.ParquetWriter(part, schema) as writer:
                for some in _parts(answers, BLOCK):
                    columns = zip(*some, strict=True)
                    writer.write_table(pa.table([*map(list, columns)], schema=schema))
                    count += len(some)
        else:
            with part.open("w", encoding="utf-8") as file:
                for _, answer in answers:
                    file.write(answer + "\n")
                    count += 1
        os.replace(part, output)
    return count
