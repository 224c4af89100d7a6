"""How long the loss of a CRF and its gradient take, of its scores and of its potentials.

    python benchmarks/crf_speed.py

A batch of 32 sentences of 13 words, 300 features a word, on TensorFlow; the median of each, side by
side in every round.
"""

import statistics
import time

import tensorflow as tf
import typer

from zoo.layers import CRF
from zoo.layers.crf import negative_log_likelihood

BATCH, WORDS, FEATURES = 32, 13, 300


def steps_of(tags: int) -> dict[str, tf.types.experimental.PolymorphicFunction]:
    """Returns what computes the gradient, from scores and from potentials."""
    layer = CRF(tags)
    layer.build((None, None, FEATURES))
    x = tf.random.normal((BATCH, WORDS, FEATURES), seed=0)
    y = tf.random.uniform((BATCH, WORDS), 0, tags, tf.int32, seed=1)
    variables = [weight.value for weight in layer.trainable_variables]

    def step_of(training: bool):
        @tf.function
        def step():
            with tf.GradientTape() as tape:
                loss = negative_log_likelihood(y, layer(x, training=training))
            return tape.gradient(loss, variables)

        return step

    return {"scores": step_of(training=True), "potentials": step_of(training=False)}


def main(rounds: int = 20) -> None:
    """Print a row for each number of tags."""
    print("| tags | scores, ms | potentials, ms | ratio |\n|---|---|---|---|")
    for tags in (10, 22, 79, 159):
        steps = steps_of(tags)
        seconds: dict[str, list[float]] = {name: [] for name in steps}
        for i in range(rounds + 1):
            for name, step in steps.items():
                start = time.perf_counter()
                step()
                if i:
                    seconds[name].append(time.perf_counter() - start)
        scores, potentials = (1e3 * statistics.median(times) for times in seconds.values())
        print(f"| {tags} | {scores:.1f} | {potentials:.1f} | {scores / potentials:.2f} |")


if __name__ == "__main__":
    typer.run(main)
