"""What `zoo serve` does under load, under malformed requests, and over many requests.

    python benchmarks/serving.py
    python benchmarks/serving.py --seconds 5 --requests 5000 --malformed 1000      a quick look

Starts `zoo serve bilstm_atis` with batches and without, and asks over REST, a text a request, each
client as soon as it has its answer: requests a second, the median and the 99th percentile of the
time to an answer. Then the resident memory of the server along many requests, and the answers to
requests made by chance that are all wrong. All clients are one process, beside the server on the
same machine.
"""

import asyncio
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from itertools import cycle, islice
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from malformed import malformed_bodies

MODEL = "bilstm_atis"
TEXTS = [
    "leave taipei on november 2nd",
    "show me all flights from boston to denver on monday morning",
    "what is the cheapest one way fare from dallas to baltimore",
    "which airlines fly from san francisco to washington by way of indianapolis",
    "ground transportation in atlanta",
    "i would like to fly from philadelphia to dallas on american airlines after 5 pm please",
]


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[Callable[[bytes], Awaitable[int]]]:
    """Yields a function from a body to the status of its answer, over one connection.

    It speaks as little HTTP/1.1 as the server needs: clients must not take its time.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", port)

    async def ask(body: bytes) -> int:
        writer.write(
            b"POST /v2/models/%s/infer HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
            % (MODEL.encode(), len(body), body)
        )
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.partition(b"content-length:")[2].split(b"\r\n")[0])
        await reader.readexactly(length)
        return int(head.split(b" ", 2)[1])

    try:
        yield ask
    finally:
        writer.close()


def request_of(text: str) -> bytes:
    """Returns the body of a request for the labels of a text."""
    tensor = {"name": "texts", "datatype": "BYTES", "shape": [1], "data": [text]}
    return json.dumps({"inputs": [tensor]}).encode()


async def load(port: int, clients: int, seconds: float) -> tuple[list[float], Counter[int]]:
    """Returns the seconds of each request, and how many had each status."""
    times: list[float] = []
    statuses: Counter[int] = Counter()
    end = time.perf_counter() + seconds

    async def keep_asking(first: int) -> None:
        texts = islice(cycle(TEXTS), first, None)
        async with connected(port) as ask:
            while (start := time.perf_counter()) < end:
                statuses[await ask(request_of(next(texts)))] += 1
                times.append(time.perf_counter() - start)

    await asyncio.gather(*map(keep_asking, range(clients)))
    return times, statuses


async def ask_all(port: int, bodies: Iterable[bytes], clients: int) -> Counter[int]:
    """Returns how many of the requests had each status, shared between some clients."""
    statuses: Counter[int] = Counter()
    left = iter(bodies)

    async def ask_some() -> None:
        async with connected(port) as ask:
            for body in left:
                statuses[await ask(body)] += 1

    await asyncio.gather(*(ask_some() for _ in range(clients)))
    return statuses


@contextmanager
def served(folder: Path, *options: str) -> Iterator[tuple[int, int]]:
    """Yields port and process id of a server that is ready."""
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
    ports = [probe.getsockname()[1] for probe in probes]
    command = [sys.executable, "-m", "zoo", "serve", MODEL, "--folder", str(folder), *options]
    for name, port, probe in zip(("http", "grpc", "metrics"), ports, probes, strict=True):
        command += [f"--{name}-port", str(port)]
        probe.close()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            while True:
                assert process.poll() is None, f"it has ended: {shlex.join(command)}"
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{ports[0]}/v2/health/ready")
                    break
                except OSError:
                    time.sleep(0.2)
            yield ports[0], process.pid
        finally:
            process.send_signal(signal.SIGTERM)


def resident(pid: int) -> float:
    """Returns the memory of a process, in MB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def print_load(folder: Path, clients: list[int], seconds: float, batched: tuple[str, ...]) -> None:
    """Prints a row a number of clients, without batches and with them."""
    print("| batches | clients | requests/s | p50, ms | p99, ms | errors |")
    print("|---|---|---|---|---|---|")
    for batches, options in (("off", ("--max-batch-size", "1")), ("on", batched)):
        with served(folder, *options) as (port, _):
            asyncio.run(load(port, 8, 2))
            for number in clients:
                times, statuses = asyncio.run(load(port, number, seconds))
                p50, p99 = np.percentile(times, [50, 99]) * 1e3
                row = f"| {batches} | {number} | {len(times) / seconds:,.0f} | {p50:.1f} | "
                errors = statuses.total() - statuses[200]
                print(f"{row}{p99:.1f} | {errors} |", flush=True)


def print_memory(port: int, pid: int, requests: int) -> None:
    """Prints the memory of the server after each tenth of the requests."""
    print("\n| requests | memory of the server, MB |\n|---|---|")
    print(f"| 0 | {resident(pid):.0f} |")
    bodies = [request_of(text) for text in TEXTS]
    for tenth in range(1, 11):
        statuses = asyncio.run(ask_all(port, islice(cycle(bodies), requests // 10), 32))
        assert statuses.keys() == {200}, statuses
        print(f"| {tenth * (requests // 10):,} | {resident(pid):.0f} |", flush=True)


def print_refusals(port: int, pid: int, malformed: int) -> None:
    """Prints how malformed requests were answered, and a right one after them."""
    statuses = asyncio.run(ask_all(port, malformed_bodies(MODEL, malformed), 8))
    print("\n| status | malformed requests |\n|---|---|")
    for status, number in sorted(statuses.items()):
        print(f"| {status} | {number:,} |")
    after = asyncio.run(ask_all(port, [request_of(TEXTS[0])], 1))
    print(f"\nA right request after them: {list(after)}. Memory: {resident(pid):.0f} MB.")
    assert all(400 <= status < 500 for status in statuses)


def main(
    seconds: Annotated[float, typer.Option(help="Of each number of clients.")] = 60,
    clients: Annotated[list[int] | None, typer.Option(help="[1, 2, 4 … 64]")] = None,
    requests: Annotated[int, typer.Option(help="Over which memory is watched.")] = 100_000,
    malformed: Annotated[int, typer.Option(help="Requests that are wrong.")] = 10_000,
    max_batch_time: Annotated[float | None, typer.Option(help="[that of zoo serve]")] = None,
) -> None:
    """Print three tables."""
    batched = () if max_batch_time is None else ("--max-batch-time", str(max_batch_time))
    with tempfile.TemporaryDirectory() as scratch:
        print_load(Path(scratch), clients or [2**i for i in range(7)], seconds, batched)
        with served(Path(scratch), *batched) as (port, pid):
            asyncio.run(load(port, 8, 2))
            print_memory(port, pid, requests)
            print_refusals(port, pid, malformed)


if __name__ == "__main__":
    typer.run(main)
