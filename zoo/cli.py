"""The command line: `zoo list | info | run | export | serve | verify | publish`."""

import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

import zoo

app = typer.Typer(
    help="Pretrained recurrent and gated networks for Keras.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

Name = Annotated[
    str, typer.Argument(help="A checkpoint's name, such as highway_mnist_50, or its folder or URL.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Trust = Annotated[bool, typer.Option("--trust", help="Take a folder or URL the zoo does not know.")]


@app.callback()
def main() -> None:
    """Pretrained recurrent and gated networks for Keras."""


@contextmanager
def plain_errors() -> Iterator[None]:
    """Turns the errors that a user can mend into one line and exit code 1."""
    try:
        yield
    except (ValueError, TypeError, OSError, ImportError, RuntimeError) as error:
        # Keras's own messages have several lines.
        typer.echo(f"error: {' '.join(str(error).split())}", err=True)
        raise typer.Exit(1) from error


def print_json(value: Any) -> None:
    """Prints a value for another program to read."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


@app.command("list")
def list_(
    pattern: Annotated[str, typer.Argument(help="Shell-style, such as 'highway_*'.")] = "*",
    task: Annotated[str | None, typer.Option(help="Only checkpoints of this task.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the zoo's checkpoints."""
    with plain_errors():
        rows = [zoo.info(name) for name in zoo.list_models(pattern, task=task)]
    if as_json:
        print_json(rows)
        return
    table = Table()
    for heading in ("name", "task", "test", "parameters", "size"):
        table.add_column(heading, justify="left" if heading in ("name", "task") else "right")
    for row in rows:
        metric, value = next(iter(row["metrics"].items()))
        table.add_row(
            row["name"],
            row["task"],
            f"{metric} {value:.4f}",
            f"{row['parameters']:,}",
            f"{row['bytes'] / 1e6:.1f} MB",
        )
    Console().print(table)


@app.command()
def info(
    name: Annotated[str, typer.Argument(help="A checkpoint's name, such as highway_mnist_50.")],
    as_json: AsJson = False,
) -> None:
    """Show what is known of a checkpoint: its card."""
    with plain_errors():
        card = zoo.info(name)
    if as_json:
        print_json(card)
        return
    table = Table(show_header=False)
    for key, value in card.items():
        if isinstance(value, dict):
            value = "\n".join(f"{k}: {v}" for k, v in value.items() if k != "citation")
        table.add_row(key, str(value))
    Console().print(table)


@app.command()
def run(
    name: Name,
    inputs: Annotated[list[str], typer.Argument(help="Raw inputs: image files, or sentences.")],
    top_k: Annotated[int | None, typer.Option(min=1, help="Keep the k likeliest.")] = None,
    trust: Trust = False,
) -> None:
    """Run a checkpoint on raw inputs; print one JSON object a line."""
    options = {} if top_k is None else {"top_k": top_k}
    with plain_errors():
        for answer in zoo.pipeline(name, trust=trust)(iter(inputs), batch_size=32, **options):
            typer.echo(json.dumps(answer, ensure_ascii=False))


@app.command()
def export(
    name: Name,
    path: Annotated[Path, typer.Argument(help="Folder to write; it must not exist.")],
    format: Annotated[str, typer.Option(help="saved_model.")] = "saved_model",
    trust: Trust = False,
) -> None:
    """Write a checkpoint in a form that runs without this package."""
    with plain_errors():
        zoo.export(name, path, format=format, trust=trust)
    typer.echo(f"written: {path}")


@app.command()
def verify(
    names: Annotated[list[str] | None, typer.Argument(help="Checkpoints [all].")] = None,
    metrics: Annotated[bool, typer.Option(help="Compute the card's metrics again.")] = True,
    trust: Trust = False,
    as_json: AsJson = False,
) -> None:
    """Check hashes, golden output and the card's metrics of checkpoints."""
    failed = False
    reports: dict[str, Any] = {}
    with plain_errors():
        names = names or zoo.list_models()
    for name in names:
        try:
            reports[name] = zoo.verify(name, metrics=metrics, trust=trust)
        except (ValueError, OSError, RuntimeError) as error:
            failed, reports[name] = True, {"error": str(error)}
        if not as_json:
            typer.echo(f"{'FAILED' if 'error' in reports[name] else 'ok'}  {name}  {reports[name]}")
    if as_json:
        print_json(reports)
    if failed:
        raise typer.Exit(1)


@app.command()
def publish(
    folder: Annotated[Path, typer.Argument(help="Folder to write; it must not exist.")],
) -> None:
    """Write a static mirror of all checkpoints, for any web server and ZOO_MIRROR."""
    from zoo.hub import publish

    with plain_errors():
        publish(folder)
    typer.echo(f"written: {folder}")


@app.command()
def serve(
    names: Annotated[list[str], typer.Argument(help="Checkpoints: names, folders or URLs.")],
    host: Annotated[str, typer.Option(help="Address to listen at.")] = "127.0.0.1",
    http_port: Annotated[int, typer.Option(min=1, max=65535, help="Port of REST.")] = 8080,
    grpc_port: Annotated[int, typer.Option(min=1, max=65535, help="Port of gRPC.")] = 8081,
    metrics_port: Annotated[int, typer.Option(min=1, max=65535, help="Port of metrics.")] = 8082,
    max_batch_size: Annotated[
        int, typer.Option(min=1, help="Inputs that go through a model at once; 1: no batching.")
    ] = 64,
    max_batch_time: Annotated[
        float, typer.Option(min=0, help="Seconds that a request waits for others.")
    ] = 0.003,
    folder: Annotated[
        Path | None, typer.Option(help="Keep the exported models here, for the next start.")
    ] = None,
    trust: Trust = False,
) -> None:
    """Answer requests over REST and gRPC, by the Open Inference Protocol."""
    from zoo.serving import serve

    with plain_errors(), tempfile.TemporaryDirectory() as scratch:
        serve(
            names,
            folder or Path(scratch),
            host=host,
            http_port=http_port,
            grpc_port=grpc_port,
            metrics_port=metrics_port,
            max_batch_size=max_batch_size,
            max_batch_time=max_batch_time,
            trust=trust,
        )


if __name__ == "__main__":
    sys.exit(app())
