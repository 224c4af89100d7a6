"""The command line: `zoo list | info | run | export | verify | publish | cache`."""

import json
import sys
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
    except (ValueError, TypeError, OSError, RuntimeError) as error:
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


cache_app = typer.Typer(help="List or clear the checkpoints that were fetched.")
app.add_typer(cache_app, name="cache")


@cache_app.callback(invoke_without_command=True)
def cache(context: typer.Context) -> None:
    """List or clear the checkpoints that were fetched; without a command, list."""
    if context.invoked_subcommand is None:
        cache_list()


@cache_app.command("list")
def cache_list(as_json: AsJson = False) -> None:
    """List what is in the cache, with its size and place."""
    from zoo.hub import cached

    with plain_errors():
        _print_cached(cached(), as_json)


@cache_app.command("clear")
def cache_clear(
    name: Annotated[str | None, typer.Argument(help="As listed, or NAME@REVISION [all].")] = None,
    as_json: AsJson = False,
) -> None:
    """Delete checkpoints from the cache; print what was deleted."""
    from zoo.hub import clear_cache

    with plain_errors():
        _print_cached(clear_cache(name), as_json)


def _print_cached(rows: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        print_json(rows)
        return
    for row in rows:
        name = row["name"] if row["revision"] is None else f"{row['name']}@{row['revision']}"
        state = "" if row["complete"] else "  (unfinished)"
        typer.echo(f"{row['bytes'] / 1e6:9.1f} MB  {name}  {row['path']}{state}")


if __name__ == "__main__":
    sys.exit(app())
