"""Pictures for training: batches that are a function of the seed, the epoch and the step alone.

Nothing is drawn from a generator that keeps state, so a training that resumes at an epoch sees
what it would have seen.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from training.recipe import Recipe
from training.training_set import TrainingSet
from zoo import data


def training_set(recipe: Recipe, pictures: np.ndarray, ids: np.ndarray) -> TrainingSet:
    """Returns pictures and their class ids as a recipe is trained on them."""

    def of_model(preprocessor: Any, **settings: Any) -> tf.data.Dataset:
        return batches(pictures, ids, augment=recipe.augment, **settings)

    arguments = {
        "labels": data.labels(recipe.dataset),
        "input_shape": list(pictures.shape[1:]),
    }
    return TrainingSet(arguments, len(pictures), of_model)


def batches(
    pictures: np.ndarray,
    ids: np.ndarray,
    *,
    batch_size: int,
    seed: int,
    first_epoch: int,
    epochs: int,
    augment: Callable[[Any, Any], Any] | None = None,
) -> tf.data.Dataset:
    """Returns the batches of the epochs from `first_epoch` to before `epochs`, one after another.

    An epoch holds every example once, in an order of its own, but for the last few that fill no
    batch.
    """
    count = len(pictures)
    steps = count // batch_size
    pictures, ids = tf.constant(pictures), tf.constant(ids)

    def epoch_of(epoch):
        order = tf.random.experimental.stateless_shuffle(tf.range(count), [seed, epoch])
        rows = tf.data.Dataset.from_tensor_slices(order).batch(batch_size, drop_remainder=True)
        return rows.enumerate(start=epoch * steps)

    def batch(step, rows):
        rows = tf.ensure_shape(rows, [batch_size])
        inputs = tf.gather(pictures, rows)
        if augment is not None:
            key = tf.stack([tf.cast(seed, step.dtype), step])
            inputs = tf.ensure_shape(augment(tf.cast(inputs, tf.float32), key), inputs.shape)
        return inputs, tf.gather(ids, rows)

    return (
        tf.data.Dataset.range(first_epoch, epochs)
        .flat_map(epoch_of)
        .map(batch, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        .prefetch(tf.data.AUTOTUNE)
    )


def random_affine(
    pictures: tf.Tensor,
    seed: tf.Tensor,
    *,
    degrees: float,
    zoom: float,
    shear: float,
    shift: float,
    mirrored: bool = False,
    whole_pixels: bool = False,
) -> tf.Tensor:
    """Turns, zooms, shears, shifts and perhaps mirrors each picture by itself.

    What falls between pixels is a mean of them, so that pictures are blurred a little: digits bear
    it, textures, which are not blurred where they are to be recognised, do not.

    Args:
        pictures: float `(batch, height, width)` or `(batch, height, width, channels)`.
        seed: two integers that decide the draws.
        degrees: largest turn to either side.
        zoom: largest change of either axis's scale, 0.1 for 10 %.
        shear: largest shear, as a fraction.
        shift: largest shift along either axis, in pixels.
        mirrored: whether half of the pictures are turned left side right.
        whole_pixels: whether shifts are by whole pixels; without a turn, a zoom or a shear every
            pixel then stays as it is.
    """
    if pictures.shape.rank == 3:
        moved = random_affine(
            pictures[..., None],
            seed,
            degrees=degrees,
            zoom=zoom,
            shear=shear,
            shift=shift,
            mirrored=mirrored,
            whole_pixels=whole_pixels,
        )
        return moved[..., 0]
    batch, height, width = tf.shape(pictures)[0], pictures.shape[1], pictures.shape[2]
    limits = tf.constant([degrees * math.pi / 180, zoom, zoom, shear, shift, shift])
    draws = tf.random.stateless_uniform((6, batch), seed, -1.0, 1.0) * limits[:, None]
    turn, zoom_x, zoom_y, sheared, shift_x, shift_y = tf.unstack(draws)
    if whole_pixels:
        shift_x, shift_y = tf.round(shift_x), tf.round(shift_y)
    scale_x = 1 + zoom_x
    if mirrored:
        scale_x *= tf.sign(tf.random.stateless_uniform((batch,), seed + 1, -1.0, 1.0))
    cos, sin = tf.cos(turn), tf.sin(turn)
    a, b = cos * scale_x, (cos * sheared - sin) * (1 + zoom_y)
    c, d = sin * scale_x, (sin * sheared + cos) * (1 + zoom_y)
    # Turn about the middle of the picture, not its corner.
    x, y = (width - 1) / 2, (height - 1) / 2
    zero = tf.zeros_like(a)
    rows = [a, b, x - a * x - b * y + shift_x, c, d, y - c * x - d * y + shift_y, zero, zero]
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=pictures,
        transforms=tf.stack(rows, axis=1),
        output_shape=(height, width),
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
        fill_value=0.0,
    )
