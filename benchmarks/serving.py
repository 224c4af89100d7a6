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
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count, cycle
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

MODEL = "bilstm_atis"
TEXTS = [
    "leave taipei on november 2nd",
    "show me all flights from boston to denver on monday morning",
    "what is the cheapest one way fare from dallas to baltimore",
    "which airlines fly from san francisco to washington by way of indianapolis",
    "ground transportation in atlanta",
    "i would like to fly from philadelphia to dallas on american airlines after 5 pm please",
]


class Client:
    """One connection that is kept: HTTP/1.1, as little of it as the server needs."""

    def __init__(self, port: int):
        self.port = port
        self.streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, body: bytes) -> int:
        """Returns the status of the answer to a request for inference, once it is read whole."""
        if self.streams is None:
            self.streams = await asyncio.open_connection("127.0.0.1", self.port)
        reader, writer = self.streams
        writer.write(
            b"POST /v2/models/%s/infer HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
            % (MODEL.encode(), len(body), body)
        )
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.partition(b"content-length:")[2].split(b"\r\n")[0])
        await reader.readexactly(length)
        if b"connection: close" in head:
            writer.close()
            self.streams = None
        return int(head.split(b" ", 2)[1])


def request_of(text: str) -> bytes:
    tensor = {"name": "texts", "datatype": "BYTES", "shape": [1], "data": [text]}
    return json.dumps({"inputs": [tensor]}).encode()


async def load(port: int, clients: int, seconds: float) -> tuple[list[float], Counter]:
    """Returns the seconds of each request, and how many had each status, of some clients."""
    times: list[float] = []
    statuses: Counter = Counter()
    end = time.perf_counter() + seconds

    async def ask(first: int) -> None:
        client, bodies = Client(port), cycle([request_of(text) for text in TEXTS])
        for _ in range(first):
            next(bodies)
        while (start := time.perf_counter()) < end:
            statuses[await client.ask(next(bodies))] += 1
            times.append(time.perf_counter() - start)

    await asyncio.gather(*(ask(i % len(TEXTS)) for i in range(clients)))
    return times, statuses


async def ask_all(port: int, bodies: list[bytes], clients: int) -> Counter:
    """Returns how many of the requests had each status, asked by some clients."""
    statuses: Counter = Counter()
    left = iter(bodies)

    async def ask() -> None:
        client = Client(port)
        for body in left:
            statuses[await client.ask(body)] += 1

    await asyncio.gather(*(ask() for _ in range(clients)))
    return statuses


@contextmanager
def served(folder: Path, *options: str) -> Iterator[tuple[int, int]]:
    """Yields port and process id of a server that is ready."""
    ports = []
    for _ in range(3):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            ports.append(str(probe.getsockname()[1]))
    names = ("--http-port", "--grpc-port", "--metrics-port")
    chosen = [part for pair in zip(names, ports, strict=True) for part in pair]
    command = [sys.executable, "-m", "zoo", "serve", MODEL, "--folder", str(folder)]
    with subprocess.Popen([*command, *chosen, *options], stdout=subprocess.DEVNULL) as process:
        try:
            while True:
                assert process.poll() is None, "the server has ended"
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{ports[0]}/v2/health/ready")
                    break
                except OSError:
                    time.sleep(0.2)
            yield int(ports[0]), process.pid
        finally:
            process.send_signal(signal.SIGTERM)


def resident(pid: int) -> float:
    """Returns the memory of a process, in MB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def main(
    seconds: Annotated[float, typer.Option(help="Of each number of clients.")] = 60,
    clients: Annotated[list[int] | None, typer.Option(help="[1 to 64]")] = None,
    requests: Annotated[int, typer.Option(help="Over which memory is watched.")] = 100_000,
    malformed: Annotated[int, typer.Option(help="Requests that are wrong.")] = 10_000,
    max_batch_time: Annotated[str, typer.Option(help="Of the server with batches.")] = "0.003",
) -> None:
    """Print three tables."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "models"
        print("| batches | clients | requests/s | p50, ms | p99, ms | errors |\n|---|---|---|---|---|---|")
        for name, options in (("off", ["--max-batch-size", "1", "--max-batch-time", "0"]), ("on", ["--max-batch-time", max_batch_time])):
            with served(folder, *options) as (port, _):
                asyncio.run(load(port, 8, 2))
                for n in clients or [2**i for i in range(7)]:
                    times, statuses = asyncio.run(load(port, n, seconds))
                    p50, p99 = np.percentile(times, [50, 99]) * 1e3
                    errors = statuses.total() - statuses[200]
                    print(f"| {name} | {n} | {len(times) / seconds:,.0f} | {p50:.1f} | {p99:.1f} | {errors} |", flush=True)
        with served(folder) as (port, pid):
            asyncio.run(load(port, 8, 2))
            print("\n| requests | memory of the server, MB |\n|---|---|")
            print(f"| 0 | {resident(pid):.0f} |")
            for part in range(1, 11):
                bodies = [request_of(TEXTS[i % len(TEXTS)]) for i in range(requests // 10)]
                assert asyncio.run(ask_all(port, bodies, 32)).keys() == {200}
                print(f"| {part * (requests // 10):,} | {resident(pid):.0f} |", flush=True)
            print("\n| status | malformed requests |\n|---|---|")
            statuses = asyncio.run(ask_all(port, malformed_bodies(malformed), 8))
            for status, n in sorted(statuses.items()):
                print(f"| {status} | {n:,} |")
            alive = asyncio.run(Client(port).ask(request_of(TEXTS[0])))
            print(f"\nAfter these a good request gets {alive}. Memory: {resident(pid):.0f} MB.")
            assert all(400 <= status < 500 for status in statuses)


if __name__ == "__main__":
    typer.run(main)
