"""Figure 1 of the Highway paper: how depth hurts a plain network and not a Highway network.

`python -m training.figure_1` trains both kinds at 10, 20, 50 and 100 layers on MNIST, in the
setting of Srivastava, Greff and Schmidhuber (arXiv:1505.00387, section 3.1): SGD with momentum, a
rate that decays exponentially, and a random search over one space for every network. The paper ran
100 draws of 400 epochs; this runs 10 draws of 20. Every draw is kept in `docs/figures/figure_1.csv`
and the best training losses are drawn in `docs/figures/figure_1.png`. Draws that are in the file
already are not run again.
"""

import csv
import math
from pathlib import Path
from typing import Annotated, Any

import keras
import numpy as np
import typer

import zoo
from training.batches import batches

DEPTHS = (10, 20, 50, 100)
# About 5,000 parameters a layer for both: 2 x 50 x 51 and 71 x 72.
UNITS = {"highway": 50, "plain": 71}
FIELDS = (
    "network", "depth", "draw", "rate", "momentum", "decay", "activation", "gate_bias",
    "epochs", "batch_size", "train_loss", "train_accuracy", "history",
)  # fmt: skip


def draw_settings(network: str, depth: int, draw: int) -> dict[str, Any]:
    """Returns one draw from the search space; the gate's bias has a meaning for Highway alone."""
    rng = np.random.default_rng([sorted(UNITS).index(network), depth, draw])
    return {
        "rate": float(f"{10 ** rng.uniform(-2.5, -1):.4g}"),
        "momentum": float(f"{1 - 10 ** rng.uniform(-1.5, -0.5):.4g}"),
        "decay": float(f"{rng.uniform(0.8, 0.98):.4g}"),
        "activation": str(rng.choice(["relu", "tanh"])),
        "gate_bias": int(-rng.integers(1, 11)) if network == "highway" else "",
    }


def build(network: str, depth: int, activation: str, gate_bias: int | str) -> keras.Model:
    """Returns an untrained network of one of the two kinds."""
    if network == "highway":
        return zoo.build(
            "highway_classifier",
            depth=depth,
            units=UNITS[network],
            activation=activation,
            gate_bias=gate_bias,
        )
    # As many layers as the Highway network has: one more under them brings the pixels to size.
    return zoo.build(
        "mlp_classifier",
        units=[UNITS[network]] * (depth + 1),
        activation=activation,
        kernel_initializer="he_normal" if activation == "relu" else "glorot_uniform",
    )


def run(network: str, depth: int, draw: int, epochs: int, batch_size: int) -> dict[str, Any]:
    """Trains one network and returns its row of the table."""
    settings = draw_settings(network, depth, draw)
    keras.utils.set_random_seed(draw)
    pictures, ids = zoo.data.load("mnist", "train")
    steps = len(pictures) // batch_size
    model = build(network, depth, settings["activation"], settings["gate_bias"])
    model.compile(
        keras.optimizers.SGD(
            keras.optimizers.schedules.ExponentialDecay(settings["rate"], steps, settings["decay"]),
            momentum=settings["momentum"],
        ),
        loss=model.loss,
        metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
        jit_compile=False,
    )
    history = model.fit(
        batches(pictures, ids, batch_size=batch_size, seed=draw, first_epoch=0, epochs=epochs),
        epochs=epochs,
        steps_per_epoch=steps,
        callbacks=[keras.callbacks.TerminateOnNaN()],
        verbose=0,
    ).history["loss"]
    loss, accuracy = model.evaluate(pictures, ids, batch_size=1000, verbose=0)
    return {
        "network": network,
        "depth": depth,
        "draw": draw,
        **settings,
        "epochs": epochs,
        "batch_size": batch_size,
        "train_loss": f"{loss:.6g}",
        "train_accuracy": f"{accuracy:.6g}",
        "history": " ".join(f"{value:.4g}" for value in history),
    }


def best(rows: list[dict[str, str]], network: str, depth: int) -> dict[str, str] | None:
    """Returns the draw of the smallest training loss of one network."""
    losses = {
        float(row["train_loss"]): row
        for row in rows
        if (row["network"], int(row["depth"])) == (network, depth)
        and math.isfinite(float(row["train_loss"]))
    }
    return losses[min(losses)] if losses else None


def plot(rows: list[dict[str, str]], path: Path) -> None:
    """Draws, for each depth, the training loss by epoch of the best draw of either network."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, panels = plt.subplots(1, len(DEPTHS), figsize=(13, 3.6), sharey=True)
    for panel, depth in zip(panels, DEPTHS, strict=True):
        for network, colour in (("highway", "tab:blue"), ("plain", "tab:red")):
            others = [
                row for row in rows if (row["network"], int(row["depth"])) == (network, depth)
            ]
            for row in others:
                losses = [float(value) for value in row["history"].split()]
                panel.plot(range(1, len(losses) + 1), losses, color=colour, alpha=0.15, lw=0.8)
            if chosen := best(rows, network, depth):
                losses = [float(value) for value in chosen["history"].split()]
                panel.plot(range(1, len(losses) + 1), losses, color=colour, lw=2, label=network)
        panel.set(title=f"{depth} layers", xlabel="epoch", yscale="log", ylim=(1e-5, 10))
        panel.grid(alpha=0.3)
    panels[0].set_ylabel("training loss, nats")
    panels[0].legend()
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def table(rows: list[dict[str, str]]) -> str:
    """Returns the best training loss of each network and their ratio, as Markdown."""
    lines = [
        "| layers | highway, 50 units | plain, 71 units | plain / highway |",
        "|---|---|---|---|",
    ]
    for depth in DEPTHS:
        highway, plain = (best(rows, network, depth) for network in ("highway", "plain"))
        if highway and plain:
            h, p = float(highway["train_loss"]), float(plain["train_loss"])
            lines.append(f"| {depth} | {h:.3g} | {p:.3g} | {p / h:.3g} |")
    return "\n".join(lines)


def read(path: Path) -> list[dict[str, str]]:
    """Returns the rows of the table."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def main(
    draws: Annotated[int, typer.Option(min=1, help="For each of the eight networks.")] = 10,
    epochs: Annotated[int, typer.Option(min=1)] = 20,
    batch_size: Annotated[int, typer.Option(min=1)] = 128,
    depth: Annotated[list[int] | None, typer.Option(help="Only these depths.")] = None,
    network: Annotated[list[str] | None, typer.Option(help="Only highway, or plain.")] = None,
    output: Annotated[Path, typer.Option(help="Folder of table and picture.")] = Path(
        "docs/figures"
    ),
) -> None:
    """Run the draws that are missing, then draw the figure and print the table."""
    output.mkdir(parents=True, exist_ok=True)
    path = output / "figure_1.csv"
    if not path.exists():
        path.write_text(",".join(FIELDS) + "\n")
    for draw in range(draws):
        for layers in depth or DEPTHS:
            for kind in network or UNITS:
                done = {(r["network"], int(r["depth"]), int(r["draw"])) for r in read(path)}
                if (kind, layers, draw) in done:
                    continue
                row = run(kind, layers, draw, epochs, batch_size)
                # One short line, appended at once: two of these programs can share the file.
                with path.open("a", newline="") as file:
                    csv.DictWriter(file, FIELDS, lineterminator="\n").writerow(row)
                typer.echo(f"{kind} {layers} draw {draw}: loss {row['train_loss']}")
                keras.backend.clear_session()
    rows = read(path)
    plot(rows, output / "figure_1.png")
    typer.echo(table(rows))


if __name__ == "__main__":
    typer.run(main)
