"""The command line: to find, ask, look into, export, serve and check checkpoints.

Exit codes: 0 done; 1 an error that the user can mend, told in one line on standard error, or a
checkpoint that fails `verify`; 2 a command that is not written as it should be.
"""

import json
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any

import typer

import zoo
from zoo.errors import UntrustedError

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def complete_name(incomplete: str) -> list[str]:
    """Returns the names of checkpoints that begin so, for the shell."""
    # A shell that completes must not show errors; the command itself will.
    with suppress(ValueError, OSError):
        return [name for name in zoo.list_models() if name.startswith(incomplete)]
    return []


def complete_task(incomplete: str) -> list[str]:
    """Returns the tasks that begin so, for the shell."""
    from zoo.hub import index

    with suppress(ValueError, OSError):
        tasks = {entry["task"] for entry in index().values()}
        return sorted(task for task in tasks if task.startswith(incomplete))
    return []


Name = Annotated[
    str,
    typer.Argument(
        help="A checkpoint: bilstm_atis, bilstm_atis@1 for its revision 1, a folder or a URL.",
        autocompletion=complete_name,
    ),
]
Known = Annotated[
    str,
    typer.Argument(
        help="A checkpoint's name: bilstm_atis, or bilstm_atis@1 for revision 1.",
        autocompletion=complete_name,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Trust = Annotated[bool, typer.Option("--trust", help="Take a folder or URL the zoo does not know.")]


def print_version(wanted: bool) -> None:
    """Prints the version and ends, if that is wanted."""
    if wanted:
        typer.echo(f"gatezoo {zoo.__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool,
        typer.Option("--version", callback=print_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Pretrained recurrent and gated networks for Keras.

    \b
    zoo list                 shows which checkpoints there are
    zoo info bilstm_atis     shows what is known of one
    zoo run bilstm_atis "show flights to rome"

    Every command has help of its own: zoo run --help. Exit codes: 0 done, 1 an error that you can
    mend or a checkpoint that fails zoo verify, 2 a mistake in the command itself.
    """


# What a user can mend. A builder that lacks an argument of a foreign config is a TypeError.
MENDABLE = (ValueError, TypeError, OSError, ImportError, RuntimeError)


def message_of(error: BaseException) -> str:
    """Returns an error as one line: Keras's own messages have several."""
    hint = "; on the command line: --trust" if isinstance(error, UntrustedError) else ""
    return " ".join(str(error).split()) + hint


@contextmanager
def plain_errors() -> Iterator[None]:
    """Turns the errors that a user can mend into one line and exit code 1."""
    try:
        yield
    except BrokenPipeError:
        # Whoever read the output has enough of it: no error of anyone.
        raise
    except MENDABLE as error:
        typer.echo(f"error: {message_of(error)}", err=True)
        raise typer.Exit(1) from error


def start_backend() -> None:
    """Imports Keras and its backend, without TensorFlow's notes on processors and missing GPUs.

    TF_CPP_MIN_LOG_LEVEL does not reach those that it writes while it is imported.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    real = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            import zoo.loading  # noqa: F401
        except BaseException:
            held.seek(0)
            os.write(real, held.read())
            raise
        finally:
            os.dup2(real, 2)
            os.close(real)


def fetch_first(name: str, trust: bool) -> None:
    """Fetches a checkpoint, then imports what computes: a mistake in the name is told at once."""
    from zoo.hub import fetch

    fetch(name, trust=trust)
    start_backend()


def print_json(value: Any) -> None:
    """Prints a value for another program to read."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


@app.command("list")
def list_(
    pattern: Annotated[
        str,
        typer.Argument(help="Names, shell-style: 'highway_*'.", autocompletion=complete_name),
    ] = "*",
    task: Annotated[
        str | None,
        typer.Option(help="Only checkpoints of this task.", autocompletion=complete_task),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the zoo's checkpoints.

    A terminal too narrow for all columns shows the first ones.

    \b
    zoo list
    zoo list 'highway_*'
    zoo list --task slot-filling --json
    """
    from zoo import card, terminal

    with plain_errors():
        rows = [zoo.info(name) for name in zoo.list_models(pattern, task=task)]
    if as_json:
        print_json(rows)
        return
    if not rows:
        typer.echo(f"no checkpoint's name matches {pattern}", err=True)
        return
    shown = []
    for row in rows:
        metric, score, _, published, _ = card.scores(row)[0]
        test = f"{metric} {score}"
        of_data = row["dataset"]["name"]
        parameters, size = f"{row['parameters']:,}", terminal.megabytes(row["bytes"])
        shown.append([row["name"], row["task"], test, parameters, size, of_data, published])
    columns = {"name": "left", "task": "left", "test": "left", "parameters": "right"}
    terminal.show_rows(columns | {"size": "right", "data": "left", "published": "right"}, shown)


@app.command()
def info(name: Known, as_json: AsJson = False) -> None:
    """Show a checkpoint's card: all that is known.

    \b
    zoo info bilstm_atis
    zoo info highway_mnist_50@1 --json
    """
    from zoo import terminal

    with plain_errors():
        card = zoo.info(name)
    if as_json:
        print_json(card)
    else:
        terminal.show_card(card)


@app.command()
def cite(name: Known, as_json: AsJson = False) -> None:
    """Print citations of model, data and zoo.

    The output is a BibTeX file: what is outside its entries BibTeX passes over.

    \b
    zoo cite bilstm_atis
    zoo cite bilstm_atis >> references.bib
    """
    from zoo import card

    with plain_errors():
        found = zoo.info(name)
    citations = card.citations(found)
    if as_json:
        print_json(citations)
        return
    dataset = found["dataset"]
    of = {
        "model": f"{found['name']}, revision {found['revision']}",
        "data": f"{dataset['name']} {dataset['version']}",
        "zoo": f"gatezoo {zoo.__version__}",
    }
    typer.echo("\n\n".join(f"{of[what]}:\n\n{text}" for what, text in citations.items()))


@app.command()
def run(
    name: Name,
    inputs: Annotated[
        list[str] | None,
        typer.Argument(
            help="Sentences, or image files; none, or a -, reads standard input, one a line."
        ),
    ] = None,
    file: Annotated[
        Path | None, typer.Option("--file", "-f", help="Read inputs from a file, one a line.")
    ] = None,
    top_k: Annotated[
        int | None,
        typer.Option(min=1, help="Show the k likeliest labels; or draw from the k likeliest only."),
    ] = None,
    n_best: Annotated[int | None, typer.Option(min=1, help="Show the n best outputs.")] = None,
    beam: Annotated[
        int | None, typer.Option(min=1, help="Outputs that a search follows at once.")
    ] = None,
    max_length: Annotated[int | None, typer.Option(min=1, help="Of an output, in symbols.")] = None,
    temperature: Annotated[
        float | None, typer.Option(min=0, help="Of draws; at 0 the likeliest symbol is taken.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, max=2**32 - 1, help="The same draws every time.")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(help="Write a picture of the attention for one text.")
    ] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Inputs that are worked on at once.")] = 32,
    trust: Trust = False,
    as_json: AsJson = False,
) -> None:
    """Run a checkpoint on texts or pictures.

    A terminal gets answers to read; a pipe, a file and --json get one JSON object a line. Text is
    UTF-8. Lines are read as they are needed, a batch at a time.

    \b
    zoo run bilstm_atis "leave taipei on november 2nd"
    zoo run highway_mnist_50 digit.png another.png
    zoo run bilstm_crf_ewt --file sentences.txt > tags.jsonl
    ls *.png | zoo run highway_mnist_50
    """
    from zoo import terminal
    from zoo.corpus import answers, lines

    readable = sys.stdout.isatty() and not as_json
    of_tasks = {
        "top_k": top_k,
        "n_best": n_best,
        "beam": beam,
        "max_length": max_length,
        "temperature": temperature,
        "seed": seed,
        "attention": True if plot else None,
    }
    options = {option: value for option, value in of_tasks.items() if value is not None}
    if inputs and file:
        raise typer.BadParameter("give inputs or --file, not both")
    from_stdin = inputs == ["-"] or str(file) == "-" or not (inputs or file)
    if from_stdin and not inputs and not file and sys.stdin.isatty():
        raise typer.BadParameter("give inputs, --file, or - for what you type", param_hint="INPUTS")
    if plot and (from_stdin or file or len(inputs or []) > 1):
        raise typer.BadParameter("give one input, as an argument", param_hint="--plot")
    with plain_errors(), ExitStack() as stack:
        raw: Iterable[str]
        if from_stdin:
            raw = lines(sys.stdin.buffer, "standard input")
        elif file:
            raw = lines(stack.enter_context(file.open("rb")), str(file))
        else:
            raw = [checked_text(one, i) for i, one in enumerate(inputs or [], 1)]
        fetch_first(name, trust)
        pipe = zoo.pipeline(name, trust=trust)
        if unknown := sorted(options.keys() - pipe.options):
            typed = "plot" if unknown[0] == "attention" else unknown[0].replace("_", "-")
            raise ValueError(f"{pipe.task} has no option --{typed}")
        # Whoever types a line waits for its answer.
        at_once = 1 if from_stdin and sys.stdin.isatty() else batch_size
        for _, answer in answers(pipe, raw, batch_size=at_once, **options):
            if plot:
                zoo.plots.attention(answer).savefig(plot)
                del answer["attention"]
            if readable:
                terminal.show_answer(answer, top_k)
            else:
                typer.echo(json.dumps(answer, ensure_ascii=False))


def checked_text(argument: str, position: int) -> str:
    """Returns an argument, or raises a ValueError if the shell passed bytes that are not UTF-8."""
    try:
        argument.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"input {position} is not UTF-8: {argument!r}") from error
    return argument


@app.command()
def score(
    name: Name,
    input: Annotated[
        Path, typer.Option("--input", "-i", help="Texts, one a line; or .parquet, column text.")
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Answers, JSON, one a line; or .parquet.")
    ],
    workers: Annotated[
        int | None, typer.Option(min=1, help="Answer with so many processes, by Ray Data.")
    ] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Texts that are worked on at once.")] = 128,
    trust: Trust = False,
    as_json: AsJson = False,
) -> None:
    """Answer all texts of a file.

    The answers come in the order of the texts, and the output appears when it is whole. With
    --workers a process that dies is replaced, and no text is lost; RAY_ADDRESS names a cluster.

    \b
    zoo score bilstm_atis -i requests.txt -o slots.jsonl
    zoo score bilstm_atis -i a.parquet -o b.jsonl --workers 8
    """
    from zoo import corpus

    with plain_errors():
        fetch_first(name, trust)
        count = corpus.score(
            name,
            input,
            output,
            workers=workers,
            batch_size=batch_size,
            trust=trust,
            progress=not as_json,
        )
    print_written(output, as_json, texts=count)


@app.command()
def export(
    name: Name,
    path: Annotated[
        Path, typer.Argument(help="Folder to write; a SavedModel goes to PATH/REVISION.")
    ],
    format: Annotated[str, typer.Option(help="saved_model, onnx or litert.")] = "saved_model",
    trust: Trust = False,
    as_json: AsJson = False,
) -> None:
    """Write a checkpoint for use without the zoo.

    \b
    zoo export bilstm_atis exported/
    """
    with plain_errors():
        fetch_first(name, trust)
        written = zoo.export(name, path, format=format, trust=trust)
    print_written(written, as_json, format=format)


Split = Annotated[str, typer.Option(help="Part of the checkpoint's data: test, or 'train[:1000]'.")]
Plot = Annotated[Path | None, typer.Option(help="Write a picture, .png, .svg or .pdf.")]


@app.command()
def lesion(
    name: Name,
    split: Split = "test",
    plot: Plot = None,
    trust: Trust = False,
    as_json: AsJson = False,
) -> None:
    """Score without each Highway layer in turn.

    A layer whose gate is closed hands its input on. Shown are loss and accuracy without it.

    \b
    zoo lesion highway_mnist_50 --plot lesion.png
    """
    from zoo import terminal

    with plain_errors():
        fetch_first(name, trust)
        from zoo.analysis.examples import examples_of
        from zoo.analysis.gated import names_of

        model = zoo.load(name, trust=trust)
        # Before its data are fetched.
        names_of(model)
        found = zoo.analysis.lesion(model, *examples_of(model, split), progress=not as_json)
        if plot:
            zoo.plots.lesion(found, labels=[split]).savefig(plot)
    rows = [
        ("none", found.whole_loss, found.whole_accuracy),
        *zip(found.layers, found.loss.tolist(), found.accuracy.tolist(), strict=True),
    ]
    if as_json:
        print_json([dict(zip(("removed", "loss", "accuracy"), row, strict=True)) for row in rows])
        return
    columns = {"removed": "left", "loss": "right", "accuracy": "right"}
    terminal.show_rows(columns, [(layer, f"{a:.4f}", f"{b:.4f}") for layer, a, b in rows])
    typer.echo(
        f"{len(found.idle())} of {len(found.layers)} layers can go, one at a time, for less than "
        "a hundredth of the accuracy"
    )


@app.command()
def gates(
    name: Name,
    split: Split = "test",
    plot: Plot = None,
    plot_classes: Annotated[
        Path | None, typer.Option(help="Write a picture of the gates by class.")
    ] = None,
    trust: Trust = False,
    as_json: AsJson = False,
) -> None:
    """Show how far Highway gates are open.

    Shown are the mean bias of each layer's gate, the mean of T, and the effective depth, which is
    the sum of these means.

    \b
    zoo gates highway_mnist_50 --plot gates.png
    """
    from zoo import terminal

    with plain_errors():
        fetch_first(name, trust)
        from zoo.analysis.examples import examples_of
        from zoo.analysis.gated import names_of

        model = zoo.load(name, trust=trust)
        names_of(model)
        inputs, targets = examples_of(model, split)
        found = zoo.analysis.gates(model, inputs, progress=not as_json)
        if plot:
            zoo.plots.gates(found).savefig(plot)
        if plot_classes:
            labels = zoo.preprocessor(model).labels
            zoo.plots.gates_by_class(found, targets, labels).savefig(plot_classes)
    rows = list(
        zip(found.layers, found.mean_bias.tolist(), found.mean_activity.tolist(), strict=True)
    )
    depth = float(found.effective_depth.mean())
    if as_json:
        layers = [dict(zip(("layer", "bias", "activity"), row, strict=True)) for row in rows]
        print_json({"layers": layers, "effective_depth": depth})
        return
    columns = {"layer": "left", "bias": "right", "mean T": "right"}
    terminal.show_rows(columns, [(layer, f"{a:.3f}", f"{b:.3f}") for layer, a, b in rows])
    typer.echo(f"effective depth, the sum of all T: {depth:.1f} of {len(rows)} layers")


@app.command()
def traces(
    name: Name,
    text: Annotated[str, typer.Argument(help="One text.")],
    plot: Plot = None,
    trust: Trust = False,
    as_json: AsJson = False,
) -> None:
    """Show LSTM and GRU gates word by word.

    Shown is the mean of each gate over a layer's units.

    \b
    zoo traces bilstm_atis "flights to rome"
    """
    from zoo import terminal

    with plain_errors():
        fetch_first(name, trust)
        from zoo.analysis.examples import pieces_of

        model = zoo.load(name, trust=trust)
        if not isinstance(model.input, dict) or "pixels" in model.input:
            raise ValueError(f"traces are of models that read text, and {name} reads pictures")
        inputs = zoo.preprocessor(model).encode([text])
        pieces = pieces_of(model, text, inputs)
        if not pieces:
            raise ValueError(f"text must hold something that {name} reads, got {text!r}")
        found = {
            layer: of_layer
            for layer, of_layer in zoo.analysis.traces(model, inputs).items()
            # A decoder has read nothing yet but the boundary.
            if len(pieces) == next(iter(of_layer.values())).shape[1]
        }
        if not found:
            raise ValueError(f"{name} has no layer of LSTM or GRU cells that walks along the text")
        if plot:
            zoo.plots.traces(found, pieces).savefig(plot)
    means = {
        f"{layer} {gate}": values[0].mean(axis=-1).tolist()
        for layer, of_layer in found.items()
        for gate, values in of_layer.items()
    }
    if as_json:
        print_json({"pieces": pieces, "gates": means})
        return
    shown = [zoo.plots.SHOWN.get(piece, piece) for piece in pieces]
    rows = zip(shown, *means.values(), strict=True)
    columns = {"": "left"} | dict.fromkeys(means, "right")
    terminal.show_rows(columns, [[piece, *(f"{x:.2f}" for x in row)] for piece, *row in rows])


@app.command()
def verify(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="Checkpoints; none means all.", autocompletion=complete_name),
    ] = None,
    metrics: Annotated[
        bool, typer.Option(help="Compute the card's metrics again, which needs the data.")
    ] = True,
    trust: Trust = False,
    as_json: AsJson = False,
) -> None:
    """Check hashes, outputs and metrics.

    Every file is held against its sha256, the golden output against what the model makes now, and
    the card's metrics against the test set. Ends with exit code 1 if any of them fails.

    \b
    zoo verify bilstm_atis
    zoo verify --no-metrics
    """
    from rich.console import Console

    reports: dict[str, Any] = {}
    with plain_errors():
        names = names or zoo.list_models()
        start_backend()
    progress = Console(stderr=True)
    for i, name in enumerate(names, 1):
        # Shown on a terminal alone.
        with progress.status(f"{i} of {len(names)}: {name}"):
            try:
                reports[name] = zoo.verify(name, metrics=metrics, trust=trust)
            except MENDABLE as error:
                reports[name] = {"error": message_of(error)}
        if not as_json:
            typer.echo(report_line(name, reports[name], max(map(len, names))))
    failed = [name for name, report in reports.items() if "error" in report]
    if as_json:
        print_json(reports)
    else:
        typer.echo(f"{len(reports) - len(failed)} of {len(reports)} ok")
    if failed:
        raise typer.Exit(1)


def report_line(name: str, report: dict[str, Any], width: int) -> str:
    """Returns what `verify` found of a checkpoint as one line."""
    if "error" in report:
        return f"FAILED  {name:{width}}  {report['error']}"
    found = [f"{report['files']} files", f"golden {report['golden']:.1e}"]
    found += [f"{metric} {value:.4f}" for metric, value in report.get("metrics", {}).items()]
    return f"ok      {name:{width}}  {', '.join(found)}"


@app.command()
def publish(
    folder: Annotated[
        Path, typer.Argument(help="Folder to write; it must not exist, or be empty.")
    ],
    as_json: AsJson = False,
) -> None:
    """Write a mirror for any web server.

    It has all checkpoints. Whoever sets ZOO_MIRROR to its address fetches from there.

    \b
    zoo publish mirror/
    """
    from zoo.hub import publish

    with plain_errors():
        publish(folder)
    print_written(folder, as_json)


def print_written(path: Path, as_json: bool, **more: str | int) -> None:
    """Prints what was written, for people or as JSON."""
    if as_json:
        print_json({"path": str(path), **more})
    else:
        typer.echo(f"written: {path}")


@app.command()
def serve(
    names: Annotated[
        list[str],
        typer.Argument(help="Checkpoints: names, folders or URLs.", autocompletion=complete_name),
    ],
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
    """Answer requests over REST and gRPC.

    Speaks the Open Inference Protocol at this machine's own address until it gets Ctrl-C.

    \b
    zoo serve bilstm_atis highway_mnist_50
    """
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


cache_app = typer.Typer()
app.add_typer(cache_app, name="cache")


@cache_app.callback(invoke_without_command=True)
def cache(context: typer.Context, as_json: AsJson = False) -> None:
    """List or clear what was fetched.

    Without a command it lists.

    \b
    zoo cache
    zoo cache clear bilstm_atis
    """
    if context.invoked_subcommand is None:
        cache_list(as_json)
    elif as_json:
        raise typer.BadParameter("write it after the command", param_hint="--json")


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
    from zoo.terminal import megabytes

    if as_json:
        print_json(rows)
        return
    for row in rows:
        name = row["name"] if row["revision"] is None else f"{row['name']}@{row['revision']}"
        state = "" if row["complete"] else "  (unfinished)"
        typer.echo(f"{megabytes(row['bytes']):>12}  {name}  {row['path']}{state}")


if __name__ == "__main__":
    sys.exit(app())
