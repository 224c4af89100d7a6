"""The checkpoints lie beside the package in the source, and inside it in a wheel."""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["zoo", "zoo.*"]), "zoo.checkpoints"],
    package_dir={"zoo": "zoo", "zoo.checkpoints": "checkpoints"},
    # A wheel carries the index, every card, and one checkpoint whole; a source archive, all.
    include_package_data=False,
    package_data={
        "zoo": ["py.typed"],
        "zoo.datasets": ["*/checksums.tsv"],
        "zoo.checkpoints": ["index.json", "*/*/card.json", "highway_mnist_50/*/*"],
    },
)
