"""Classifies 300 real test digits with `highway_mnist_50`, and draws them.

Run by `make run`; by hand: `python docs/examples/classify_digits.py`.
"""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

import zoo

PICTURE = Path("runs/digits.png")

with np.load(Path(__file__).with_name("mnist_test_300.npz")) as digits:
    pictures, truth = digits["pictures"], digits["labels"]

classify = zoo.pipeline("highway_mnist_50")
predicted = np.array([int(answer["label"]) for answer in classify(pictures)])

for start in range(0, len(truth), 50):
    rows = slice(start, start + 50)
    print("truth     ", "".join(map(str, truth[rows])))
    print("predicted ", "".join(map(str, predicted[rows])))
    print("          ", "".join(" ^"[wrong] for wrong in (truth[rows] != predicted[rows]) * 1))
right = int((truth == predicted).sum())
print(f"{right} of {len(truth)} digits right: accuracy {right / len(truth):.4f}")

figure, axes = plt.subplots(10, 30, figsize=(15, 6))
for axis, picture, actual, guess in zip(axes.flat, pictures, truth, predicted, strict=True):
    axis.imshow(picture, cmap="gray_r")
    axis.set_title(guess, fontsize=8, pad=1, color="black" if guess == actual else "red")
    axis.axis("off")
figure.suptitle(f"highway_mnist_50: {right} of {len(truth)} right, mistakes in red")
PICTURE.parent.mkdir(exist_ok=True)
figure.savefig(PICTURE, dpi=90)
print(f"picture: {PICTURE}")
