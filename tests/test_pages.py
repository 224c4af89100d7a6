"""What is written from the cards is what stands in the repository, and says what the cards say."""

import csv
import json
import re
import shutil

import pytest
from helpers import FULL_CARD, ROOT, random_model
from PIL import Image

import zoo
from training.pages import generated, revisions
from training.release import add, publish
from zoo.checkpoint import sha256_of

GENERATED = generated(ROOT)
NAMES = zoo.list_models()


@pytest.fixture
def root(published, tmp_path):
    """A source tree with the checkpoints of the tests, and its pages before they are written."""
    shutil.copytree(published, tmp_path / "checkpoints")
    for folder in ("docs/figures", "tests"):
        (tmp_path / folder).mkdir(parents=True)
    for page in ("README.md", "docs/labelling.md", "docs/sequences.md"):
        (tmp_path / page).write_text(
            "above\n<!-- results -->\nold\n<!-- end of results -->\nbelow\n"
        )
    (tmp_path / "docs/figures/latency.csv").write_text(
        "checkpoint,revision,one_ms,batch_ms,hardware,backend\n"
        "digits_highway,1,1.25,3.50,a quick processor,tensorflow 2\n"
        "digits_mlp,1,7.77,8.88,a quick processor,tensorflow 2\n"
    )
    return tmp_path


@pytest.mark.parametrize("path", GENERATED, ids=lambda path: str(path.relative_to(ROOT)))
def test_page_is_what_is_written_now(path):
    assert path.read_text() == GENERATED[path], "write it anew with: python -m training.release"


def test_every_checkpoint_has_a_page():
    assert {ROOT / "checkpoints" / name / "README.md" for name in NAMES} < GENERATED.keys()


def test_results_are_those_of_the_cards():
    with (ROOT / "checkpoints" / "RESULTS.csv").open(newline="") as file:
        rows = {row["checkpoint"]: row for row in csv.DictReader(file)}
    assert list(rows) == NAMES
    text = (ROOT / "checkpoints" / "RESULTS.md").read_text()
    for name, row in rows.items():
        info = zoo.info(name)
        metric = row["metric"]
        assert float(row["value"]) == info["metrics"][metric]
        assert row["published"] == str(info["published"].get(metric, ""))
        assert int(row["revision"]) == info["revision"]
        assert (int(row["parameters"]), int(row["bytes"])) == (info["parameters"], info["bytes"])
        assert (row["task"], row["data"]) == (info["task"], info["dataset"]["name"])
        assert (row["licence"], row["data_licence"]) == (
            info["licence"],
            info["dataset"]["licence"],
        )
        [line] = [line for line in text.splitlines() if line.startswith(f"| [`{name}`]")]
        assert f"{metric} {info['metrics'][metric]:.4f}" in line
        assert f"{info['parameters']:,}" in line


def test_page_says_what_the_card_says(root):
    page = generated(root)[root / "checkpoints" / "digits_mlp" / "README.md"]
    words = " ".join(page.split())
    published = FULL_CARD["published"]
    for expected in (
        "# digits_mlp",
        "number 1.",
        "revision 2",
        f"{zoo.build('mlp_classifier', units=[8]).count_params():,} parameters",
        "| accuracy | 0.1000 | 0.2000 | 0.2500 | -0.1500 |",
        f"{published['what']}. {published['source']}",
        "train[:9]",
        FULL_CARD["dataset"]["licence"],
        FULL_CARD["recipe"],
        "| optimizer | adamw, rate 0.003 |",
        "| seed | 3 |",
        "| time | 2 min |",
        FULL_CARD["hardware"],
        f"```bibtex {' '.join(FULL_CARD['dataset']['citation'].split())} ```",
        FULL_CARD["citation"],
    ):
        assert expected in words, expected
    assert "augment" not in page


def test_latency_of_the_newest_revision_alone_is_shown(root):
    pages = generated(root)
    checkpoints = root / "checkpoints"
    rows = {
        row["checkpoint"]: row
        for row in csv.DictReader(pages[checkpoints / "RESULTS.csv"].splitlines())
    }
    assert rows["digits_highway"]["latency_1_ms"] == "1.25"
    assert rows["digits_highway"]["latency_32_ms"] == "3.50"
    # What was measured of digits_mlp is an older one.
    assert rows["digits_mlp"]["latency_1_ms"] == ""
    assert "| 1.25 | 3.50 |" in pages[checkpoints / "RESULTS.md"]
    assert "7.77" not in pages[checkpoints / "RESULTS.md"]
    assert "on a quick processor" in " ".join(pages[checkpoints / "RESULTS.md"].split())
    assert "1.25 ms" in pages[checkpoints / "digits_highway" / "README.md"]
    assert "7.77" not in pages[checkpoints / "digits_mlp" / "README.md"]


def test_table_takes_the_place_between_the_marks(root):
    page = generated(root)[root / "README.md"]
    assert page.startswith("above\n<!-- results -->\n\n| checkpoint |")
    assert page.endswith(" |\n\n<!-- end of results -->\nbelow\n")
    assert "old" not in page
    (root / "README.md").write_text(page)
    assert generated(root)[root / "README.md"] == page


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"dataset": FULL_CARD["dataset"] | {"name": "svhn"}},
            r"other_mlp: .*nothing of .* on svhn",
        ),
        ({"seed": "three"}, r"other_mlp/checkpoint/card.json: .*seed"),
    ],
)
def test_nothing_is_published_where_one_cannot_be(change, message, root):
    runs = [root / "runs" / name for name in ("digits_mlp", "other_mlp")]
    for run, card in zip(runs, (FULL_CARD, FULL_CARD | change), strict=True):
        zoo.save(random_model(), run / "checkpoint", card=card)
    before = {path: path.is_file() and path.read_bytes() for path in sorted(root.rglob("*"))}
    with pytest.raises(ValueError, match=message):
        publish(runs, root)
    after = {path: path.is_file() and path.read_bytes() for path in sorted(root.rglob("*"))}
    assert {path.name for path in after.keys() - before.keys()} <= {"other_mlp"}
    assert all(after[path] == content for path, content in before.items())


def test_what_is_published(root):
    run = root / "runs" / "digits_mlp"
    zoo.save(random_model(), run / "checkpoint", card=FULL_CARD)
    (root / "zoo").mkdir()
    (root / "zoo" / "pins.py").write_text('INDEX_SHA256 = "0"\n')
    [place] = publish([run], root)
    assert place == root / "checkpoints" / "digits_mlp" / "3"
    index = (root / "checkpoints" / "index.json").read_bytes()
    assert sha256_of(index) in (root / "zoo" / "pins.py").read_text()
    assert "3" in json.loads(index)["checkpoints"]["digits_mlp"]["revisions"]
    assert generated(root).keys() <= {path for path in root.rglob("*") if path.is_file()}


def test_card_with_a_wrong_field_is_not_released(published, tmp_path):
    card = {k: v for k, v in FULL_CARD.items() if k != "citation"} | {"colour": "red"}
    zoo.save(random_model(), tmp_path / "trained", card=card)
    checkpoints = tmp_path / "checkpoints"
    shutil.copytree(published, checkpoints)
    before = sorted(checkpoints.rglob("*"))
    with pytest.raises(ValueError, match=r"card.json: has no field citation; .*field colour"):
        add(tmp_path / "trained", "digits_mlp", checkpoints)
    assert sorted(checkpoints.rglob("*")) == before
    assert len(revisions(checkpoints)["digits_mlp"]) == 2


def one_a_task():
    index = json.loads((ROOT / "checkpoints" / "index.json").read_bytes())["checkpoints"]
    return sorted({entry["task"]: name for name, entry in index.items()}.values())


@pytest.mark.parametrize("name", one_a_task())
def test_example_of_a_page_runs(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Image.new("L", (28, 28)).save("digit.png")
    page = (ROOT / "checkpoints" / name / "README.md").read_text()
    [code] = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    exec(code, {})
    assert capsys.readouterr().out
