"""Pictures to pixels, and logits to class names."""

from collections.abc import Sequence
from os import PathLike
from typing import Any

import numpy as np

from zoo.registry import checked_labels


class ImagePreprocessor:
    """Encodes pictures for an image classifier.

    Args:
        shape: (height, width) or (height, width, channels) of the picture the model takes.
        labels: class names in the order of the logits.
    """

    def __init__(self, shape: Sequence[int], labels: Sequence[str]):
        self.shape = tuple(int(size) for size in shape)
        self.labels = checked_labels(labels, "labels")

    def encode(self, raw: Any, labels: Any = None) -> Any:
        """Returns pictures as uint8 `(batch, *shape)`, and class ids beside them if labelled.

        Args:
            raw: one picture or a batch: uint8 pixels, a path to an image file, or a list of
                either. A `tf.data.Dataset` of pictures, or of (picture, label) pairs, is encoded
                element by element.
            labels: one class name or integer class id a picture (a single one for one picture).

        Returns:
            The pixels; with `labels`, the pair (pixels, int32 class ids). For a dataset, a dataset.

        Raises:
            TypeError: if the pixels are not uint8.
            ValueError: if a picture has another shape, a label is not known, or there are more or
                fewer labels than pictures.
            OSError: if a file cannot be read, or not as a picture.
            tf.errors.InvalidArgumentError: for a dataset, if a label is not known.
        """
        if hasattr(raw, "element_spec"):
            return self._encode_dataset(raw)
        pixels = self._pixels(raw)
        if labels is None:
            return pixels
        labels = [labels] if np.ndim(labels) == 0 else list(labels)
        if len(labels) != len(pixels):
            raise ValueError(f"got {len(labels)} labels for {len(pixels)} pictures")
        return pixels, self._ids(labels)

    def decode(self, outputs: Any) -> list[str]:
        """Returns the likeliest class name of each row of logits or probabilities."""
        return [self.labels[i] for i in np.argmax(np.asarray(outputs), axis=-1)]

    def example(self) -> np.ndarray:
        """Returns four pictures of seeded noise, uint8 `(4, *shape)`."""
        return np.random.default_rng(0).integers(0, 256, (4, *self.shape), dtype=np.uint8)

    def get_config(self) -> dict[str, Any]:
        return {"kind": "image", "shape": list(self.shape)}

    def _pixels(self, raw: Any) -> np.ndarray:
        if isinstance(raw, (str, PathLike)):
            return self._read(raw)[None]
        if isinstance(raw, (list, tuple)):
            if not raw:
                return np.zeros((0, *self.shape), np.uint8)
            return np.concatenate([self._pixels(picture) for picture in raw])
        pixels = np.asarray(raw)
        if pixels.dtype != np.uint8:
            raise TypeError(
                f"pictures must be uint8 pixels from 0 to 255, got {pixels.dtype}: scaling is a "
                "layer of the model"
            )
        # A trailing axis of one channel is as good as none.
        if pixels.shape[-1:] == (1,) and len(self.shape) == 2 and pixels.ndim > 2:
            pixels = pixels[..., 0]
        if pixels.shape == self.shape:
            return pixels[None]
        if pixels.ndim == len(self.shape) + 1 and pixels.shape[1:] == self.shape:
            return pixels
        raise ValueError(
            f"pictures must have shape {self.shape} or (batch, {str(self.shape)[1:]}, "
            f"got {pixels.shape}"
        )

    def _read(self, path: Any) -> np.ndarray:
        from PIL import Image

        mode = "L" if len(self.shape) == 2 or self.shape[2] == 1 else "RGB"
        try:
            with Image.open(path) as file:
                image = file.convert(mode)
        except (OSError, SyntaxError, Image.DecompressionBombError) as error:
            # What the system says has the name of the file; what Pillow says may not.
            if isinstance(error, OSError) and error.errno:
                raise
            raise OSError(f"{path} cannot be read as a picture: {error}") from error
        if image.size != (self.shape[1], self.shape[0]):
            image = image.resize((self.shape[1], self.shape[0]), Image.Resampling.LANCZOS)
        return np.asarray(image, np.uint8).reshape(self.shape)

    def _ids(self, labels: Sequence[str | int]) -> np.ndarray:
        count = len(self.labels)
        ids: dict[str | int, int] = {i: i for i in range(count)}
        ids |= {label: i for i, label in enumerate(self.labels)}
        if unknown := [label for label in labels if label not in ids]:
            raise ValueError(
                f"labels must be among {', '.join(self.labels)}, or class ids from 0 to "
                f"{count - 1}; got {unknown[0]!r}"
            )
        return np.array([ids[label] for label in labels], np.int32)

    def _encode_dataset(self, dataset: Any) -> Any:
        import tensorflow as tf

        # A table cannot be empty; the class id of its stand-in is refused below.
        names = self.labels or [""]
        table = tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(names, tf.range(len(names))), -1
        )

        def encode(picture, label=None):
            if picture.dtype != tf.uint8:
                raise TypeError(f"pictures must be uint8 pixels, got {picture.dtype.name}")
            if picture.shape.rank == len(self.shape) + 1:
                picture = tf.squeeze(picture, -1)
            picture = tf.ensure_shape(picture, self.shape)
            if label is None:
                return picture
            label = table.lookup(label) if label.dtype == tf.string else tf.cast(label, tf.int32)
            message = f"labels must be among {self.labels}, or their class ids"
            tf.debugging.assert_non_negative(label, message)
            tf.debugging.assert_less(label, len(self.labels), message)
            return picture, label

        return dataset.map(encode)
