"""Figure 1 of the Highway paper: how depth hurts a plain network and not a Highway network.

`python -m training.figure_1` trains both kinds at 10, 20, 50 and 100 layers on the 60,000 digits of
MNIST, in the setting of Srivastava, Greff and Schmidhuber (arXiv:1505.00387, section 3.1): SGD with
momentum, a rate that decays exponentially, and a random search over one space for every network.
The paper ran 100 draws of 400 epochs; this runs 12 draws of 20, and of 40 at 100 layers, whose
Highway networks are still far from their end after 20. Every draw is kept in
`docs/figures/figure_1.csv`, and drawn in `docs/figures/figure_1.png`. Draws that are in the file
already are not run again, so that more `--draws` add to them.

All draws of a network and an activation are trained at once, as one network with an axis more: they
see the same batches, and their gradients do not meet.
"""

import csv
import math
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import tensorflow as tf
import typer
from rich.progress import track

import zoo
from training.pictures import batches
from training.state import replace_file

# depth -> epochs, the same for both kinds
EPOCHS = {10: 20, 20: 20, 50: 20, 100: 40}
BATCH_SIZE = 128
# About 5,000 parameters a layer for both: 2 x 50 x 51 and 71 x 72.
UNITS = {"highway": 50, "plain": 71}


def draw_settings(network: str, depth: int, draw: int, epochs: int) -> dict[str, Any]:
    """Returns one draw from the search space; a gate's bias has a meaning for Highway alone.

    The decay of the rate is 0.80 to 0.95 an epoch over 20 epochs, and as much in all over any other
    number.
    """
    rng = np.random.default_rng([sorted(UNITS).index(network), depth, draw])
    settings = {
        "draw": draw,
        "rate": float(f"{10 ** rng.uniform(-3, -1):.4g}"),
        "momentum": float(f"{1 - 10 ** rng.uniform(-1.5, -0.7):.4g}"),
        "decay": float(f"{rng.uniform(0.8, 0.95) ** (20 / epochs):.4g}"),
        "activation": str(rng.choice(["relu", "tanh"])),
        "gate_bias": int(-rng.integers(1, 11)),
    }
    return settings if network == "highway" else settings | {"gate_bias": ""}


class Draws(tf.Module):
    """Networks of one kind, depth and activation that differ in their draw.

    Every weight has an axis for the draws before its last two. A unit that is always 1 takes the
    place of the biases, which are its row of each kernel: adding them would take as long as a
    layer's product.
    """

    def __init__(self, network: str, depth: int, settings: list[dict[str, Any]]):
        super().__init__()
        units = UNITS[network]
        self.network = network
        relu = settings[0]["activation"] == "relu"
        self.activation = tf.nn.relu if relu else tf.tanh

        def kernels(size: int, outputs: int, gain: float, key: int) -> np.ndarray:
            """Scaled normal weights for every draw, the row of zero biases under them."""
            draws = [
                np.random.default_rng([s["draw"], key]).normal(0, gain, (size, outputs))
                for s in settings
            ]
            return np.pad(np.stack(draws), ((0, 0), (0, 1), (0, 0)))

        def layer(size: int, key: int) -> np.ndarray:
            """One layer, in He's scale for rectifiers and Glorot's for tanh, with its unit of 1."""
            gain = math.sqrt(2 / size if relu else 2 / (size + units))
            kernel = np.pad(kernels(size, units, gain, key), ((0, 0), (0, 0), (0, 1)))
            kernel[:, -1, -1] = 1 if relu else 20  # the tanh of 20 is 1
            return kernel

        def highway_layer(key: int) -> np.ndarray:
            """A layer and its gate; the unit of 1 is carried, for its gate is shut."""
            gate = np.pad(
                kernels(units, units, math.sqrt(1 / units), -key % 2**31),
                ((0, 0), (0, 0), (0, 1)),
            )
            gate[:, -1, :-1] = [[s["gate_bias"]] for s in settings]
            gate[:, -1, -1] = -1e9
            return np.concatenate([layer(units, key), gate], axis=-1)

        keys = range(1, depth + 1)
        stack = [highway_layer(key) if network == "highway" else layer(units, key) for key in keys]
        head = kernels(units, 10, math.sqrt(2 / (units + 10)), depth + 1)
        self.weights = [
            tf.Variable(np.asarray(values, np.float32)) for values in (layer(784, 0), stack, head)
        ]
        self.velocities = [tf.Variable(tf.zeros_like(weight)) for weight in self.weights]
        # What makes the unit of 1 is not trained.
        fixed = [np.zeros(units + 1), np.zeros(self.weights[1].shape[-1]), np.zeros(10)]
        fixed[0][units] = 1
        fixed[1][units :: units + 1] = 1
        self.trained = [tf.constant(1 - values, tf.float32) for values in fixed]
        self.rate, self.momentum, self.decay = (
            tf.constant([[[s[key]]] for s in settings], tf.float32)
            for key in ("rate", "momentum", "decay")
        )

    def losses(self, pictures: tf.Tensor, ids: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns mean cross-entropy and accuracy of each draw, `(draws,)` both."""
        first, stack, head = self.weights
        x = tf.reshape(tf.cast(pictures, tf.float32) / 255, (1, -1, 784))
        x = self.activation(
            tf.matmul(tf.pad(x, [(0, 0), (0, 0), (0, 1)], constant_values=1), first)
        )
        for kernel in tf.unstack(stack):
            y = tf.matmul(x, kernel)
            if self.network == "highway":
                h, t = tf.split(y, 2, axis=-1)
                x = x + tf.sigmoid(t) * (self.activation(h) - x)
            else:
                x = self.activation(y)
        logits = tf.matmul(x, head)
        ids = tf.broadcast_to(tf.cast(ids, tf.int32), tf.shape(logits)[:2])
        entropy = tf.nn.sparse_softmax_cross_entropy_with_logits(ids, logits)
        right = tf.argmax(logits, -1, tf.int32) == ids
        return tf.reduce_mean(entropy, 1), tf.reduce_mean(tf.cast(right, tf.float32), 1)

    @tf.function(jit_compile=False)
    def step(self, pictures: tf.Tensor, ids: tf.Tensor, epoch: tf.Tensor) -> tf.Tensor:
        """Takes one step of SGD with momentum in every draw, and returns their losses."""
        with tf.GradientTape() as tape:
            losses, _ = self.losses(pictures, ids)
            total = tf.reduce_sum(losses)
        rate = self.rate * self.decay**epoch
        for weight, velocity, gradient, trained in zip(
            self.weights,
            self.velocities,
            tape.gradient(total, self.weights),
            self.trained,
            strict=True,
        ):
            velocity.assign(self.momentum * velocity - rate * trained * gradient)
            weight.assign_add(velocity)
        return losses

    score = tf.function(losses, jit_compile=False)


def run(network: str, depth: int, draws: list[int], epochs: int) -> list[dict[str, Any]]:
    """Trains some draws of one network and returns their rows of the table."""
    rows = []
    for activation in ("relu", "tanh"):
        settings = [draw_settings(network, depth, draw, epochs) for draw in draws]
        settings = [s for s in settings if s["activation"] == activation]
        if settings:
            rows += train(network, depth, settings, epochs)
    return sorted(rows, key=lambda row: row["draw"])


def train(
    network: str, depth: int, settings: list[dict[str, Any]], epochs: int
) -> list[dict[str, Any]]:
    """Trains the draws of one activation, on the same batches, and returns their rows."""
    pictures, ids = zoo.data.load("mnist", "train")
    steps = len(pictures) // BATCH_SIZE
    networks = Draws(network, depth, settings)
    history = np.zeros((epochs, len(settings)))
    stream = batches(pictures, ids, batch_size=BATCH_SIZE, seed=0, first_epoch=0, epochs=epochs)
    title = f"{network}, {depth} layers, {settings[0]['activation']}"
    for step, batch in enumerate(track(stream, title, total=steps * epochs)):
        epoch = step // steps
        history[epoch] += networks.step(*batch, tf.constant(epoch, tf.float32)).numpy() / steps
    parts = [
        networks.score(pictures[i : i + 1000], ids[i : i + 1000])
        for i in range(0, len(pictures), 1000)
    ]
    loss, accuracy = np.mean(parts, axis=0)
    return [
        {
            "network": network,
            "depth": depth,
            **setting,
            "epochs": epochs,
            "batch_size": BATCH_SIZE,
            "train_loss": f"{loss[i]:.6g}",
            "train_accuracy": f"{accuracy[i]:.6g}",
            "history": " ".join(f"{value:.4g}" for value in history[:, i]),
        }
        for i, setting in enumerate(settings)
    ]


def rows_of(rows: list[dict[str, str]], network: str, depth: int) -> list[dict[str, str]]:
    """Returns the rows of one network, smallest training loss first, those without one last."""
    rows = [row for row in rows if (row["network"], int(row["depth"])) == (network, depth)]
    return sorted(
        rows, key=lambda row: math.inf if row["train_loss"] == "nan" else float(row["train_loss"])
    )


def plot(rows: list[dict[str, str]], path: Path) -> None:
    """Draws, for each depth, the training loss of every draw by epoch, the best in bold."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, panels = plt.subplots(1, len(EPOCHS), figsize=(13, 3.6), sharey=True)
    for panel, depth in zip(panels, EPOCHS, strict=True):
        for network, colour in (("highway", "tab:blue"), ("plain", "tab:red")):
            for rank, row in enumerate(rows_of(rows, network, depth)):
                losses = [float(value) for value in row["history"].split()]
                style = {"lw": 2, "label": network} if rank == 0 else {"lw": 0.8, "alpha": 0.25}
                panel.plot(range(1, len(losses) + 1), losses, color=colour, **style)
        panel.set(title=f"{depth} layers", xlabel="epoch", yscale="log", ylim=(1e-4, 10))
        panel.grid(alpha=0.3)
    panels[0].set_ylabel("training loss, nats")
    panels[0].legend()
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def table(rows: list[dict[str, str]]) -> str:
    """Returns the best training loss of each network and their ratio, as Markdown."""
    lines = [
        "| layers | epochs | highway, 50 units | plain, 71 units | plain / highway |",
        "|---|---|---|---|---|",
    ]
    for depth in EPOCHS:
        chosen = [rows_of(rows, network, depth) for network in ("highway", "plain")]
        if all(chosen):
            highway, plain = (float(draws[0]["train_loss"]) for draws in chosen)
            losses = f"{highway:.3g} | {plain:.3g} | {plain / highway:.3g}"
            lines.append(f"| {depth} | {EPOCHS[depth]} | {losses} |")
    return "\n".join(lines)


def main(
    draws: Annotated[int, typer.Option(min=1, help="For each of the eight networks.")] = 12,
    output: Annotated[Path, typer.Option(help="Folder of table and picture.")] = Path(
        "docs/figures"
    ),
) -> None:
    """Run the draws that are missing, then draw the figure and print the table."""
    path = output / "figure_1.csv"
    rows: list[dict[str, Any]] = []
    if path.exists():
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
    for depth, epochs in reversed(EPOCHS.items()):
        for network in UNITS:
            known = {int(row["draw"]) for row in rows_of(rows, network, depth)}
            if missing := [draw for draw in range(draws) if draw not in known]:
                rows += [
                    {key: str(value) for key, value in row.items()}
                    for row in run(network, depth, missing, epochs)
                ]
                lines = [",".join(rows[0]), *(",".join(row.values()) for row in rows)]
                replace_file(path, ("\n".join(lines) + "\n").encode())
                typer.echo(f"{network} {depth}: {rows_of(rows, network, depth)[0]['train_loss']}")
    plot(rows, output / "figure_1.png")
    typer.echo(table(rows))


if __name__ == "__main__":
    typer.run(main)
