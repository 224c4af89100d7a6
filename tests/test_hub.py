"""A name leads to a checked folder, or to an error that says what to do."""

import json
import re
import shutil

import numpy as np
import pytest
from helpers import random_model

import zoo
from zoo import hub
from zoo.checkpoint import Checkpoint
from zoo.errors import IntegrityError, UntrustedError

NAME = "digits_mlp"


def summary(found):
    return found.card["summary"]


def cached(name):
    return [path for path in (hub.cache_dir() / name).glob("*") if path.is_dir()]


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.fixture
def mirror(known, tmp_path):
    """A folder that `publish` wrote; the package carries no weights any more."""
    hub.publish(tmp_path / "mirror")
    for path in known.glob("*/*/model.safetensors"):
        path.unlink()
    for path in known.glob("*/*/manifest.json"):
        path.unlink()
    return tmp_path / "mirror"


@pytest.fixture
def foreign(tmp_path, monkeypatch):
    """A folder that someone else saved, and its sha256."""
    with monkeypatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path / "theirs"))
        sha256 = zoo.save(random_model(units=[4], seed=9), tmp_path / "foreign")
    return tmp_path / "foreign", sha256


def test_names_are_listed_by_pattern_and_task(known):
    assert zoo.list_models() == ["digits_highway", "digits_mlp"]
    assert zoo.list_models("*_mlp") == ["digits_mlp"]
    assert zoo.list_models("DIGITS_*") == []
    assert zoo.list_models(task="image-classification") == ["digits_highway", "digits_mlp"]
    with pytest.raises(ValueError, match=r"no task named 'image'.*image-classification"):
        zoo.list_models(task="image")


def test_info_is_the_card_and_what_the_index_knows(known):
    info = zoo.info(NAME)
    folder = known / NAME / "2"
    assert (info["name"], info["revision"], info["summary"]) == (NAME, 2, "number 1")
    assert info["bytes"] == sum(path.stat().st_size for path in folder.iterdir())
    assert info["sha256"] == Checkpoint.open(folder).sha256
    assert zoo.info(NAME, revision=1)["summary"] == "number 0"


@pytest.mark.parametrize(
    ("name", "revision", "expected"),
    [
        (NAME, None, "number 1"),
        (f"{NAME}@1", None, "number 0"),
        (f"{NAME}@2", None, "number 1"),
        (NAME, 1, "number 0"),
        (f"{NAME}@1", 1, "number 0"),
    ],
)
def test_revision(known, name, revision, expected):
    assert summary(hub.fetch(name, revision=revision)) == expected


@pytest.mark.parametrize(
    ("name", "revision", "message"),
    [
        (f"{NAME}@1", 2, "disagree"),
        (f"{NAME}@3", None, r"has no revision 3; it has 1, 2"),
        (NAME, 0, r"has no revision 0; it has 1, 2"),
        ("digit_mlp", None, "no checkpoint named 'digit_mlp'; did you mean digits_mlp"),
        ("digit_mlp@1", None, "did you mean digits_mlp"),
        ("digits-mlp", None, "no checkpoint named 'digits-mlp'; did you mean digits_mlp"),
        ("digits_mlp@two", None, "did you mean digits_mlp"),
        ("zzz", None, "known: digits_highway, digits_mlp"),
        ("", None, "no checkpoint named ''; known: digits_highway, digits_mlp"),
    ],
)
def test_unknown_name_or_revision(known, name, revision, message):
    for function in (hub.fetch, zoo.load, zoo.info, zoo.pipeline):
        with pytest.raises(ValueError, match=message):
            function(name, revision=revision)


def test_info_of_a_folder_is_refused(known, tmp_path):
    with pytest.raises(ValueError, match=f"no checkpoint named '{tmp_path}'"):
        zoo.info(tmp_path)


def test_shipped_weights_are_used_where_they_lie(known):
    assert hub.fetch(NAME).path == known / NAME / "2"
    assert not hub.cache_dir().exists()


def test_mirror_comes_before_shipped_and_cache_before_mirror(known, serve, monkeypatch):
    address, asked = serve(known)
    monkeypatch.setenv("ZOO_MIRROR", address)
    assert summary(hub.fetch(NAME)) == "number 1"
    assert f"/{NAME}/2/model.safetensors" in asked
    [folder] = cached(NAME)
    asked.clear()
    assert hub.fetch(NAME).path == folder
    assert asked == []


def test_mirror_may_end_in_a_slash_and_is_asked_for_no_index(mirror, serve, monkeypatch):
    address, asked = serve(mirror)
    monkeypatch.setenv("ZOO_MIRROR", address + "/")
    hub.fetch("digits_highway")
    assert all(path.startswith("/digits_highway/1/") for path in asked)


def test_mirror_can_be_a_folder(mirror, monkeypatch, tmp_path):
    mirror.rename(tmp_path / "a mirror, größer")
    monkeypatch.setenv("ZOO_MIRROR", (tmp_path / "a mirror, größer").as_uri())
    assert summary(hub.fetch(f"{NAME}@1")) == "number 0"


def test_weights_that_are_not_shipped_need_a_mirror(mirror):
    assert zoo.info(NAME)["summary"] == "number 1"
    with pytest.raises(FileNotFoundError, match="ZOO_MIRROR"):
        zoo.load(NAME)


@pytest.mark.parametrize("file", ["model.safetensors", "card.json", "manifest.json"])
@pytest.mark.parametrize("scheme", ["http", "file"])
def test_bad_file_at_the_mirror_stops(known, serve, monkeypatch, tmp_path, file, scheme):
    shutil.copytree(known, tmp_path / "mirror")
    flip(tmp_path / "mirror" / NAME / "2" / file)
    address = serve(tmp_path / "mirror")[0] if scheme == "http" else (tmp_path / "mirror").as_uri()
    monkeypatch.setenv("ZOO_MIRROR", address)
    # The package has this checkpoint whole: it must not be taken for the one that is bad.
    with pytest.raises(IntegrityError, match=f"{scheme}://.*/{NAME}/2/{file}"):
        hub.fetch(NAME)
    assert cached(NAME) == []
    # Nothing of the failure stays: once the mirror is right, so is the answer.
    shutil.rmtree(tmp_path / "mirror")
    shutil.copytree(known, tmp_path / "mirror")
    assert summary(hub.fetch(NAME)) == "number 1"
    assert [path.name for path in (hub.cache_dir() / NAME).iterdir() if path.is_dir()] == [
        hub.fetch(NAME).path.name
    ]


def test_file_missing_at_the_mirror_stops(known, serve, monkeypatch, tmp_path):
    shutil.copytree(known, tmp_path / "mirror")
    (tmp_path / "mirror" / NAME / "2" / "golden.npz").unlink()
    monkeypatch.setenv("ZOO_MIRROR", serve(tmp_path / "mirror")[0])
    with pytest.raises(IntegrityError, match=r"golden\.npz.*404"):
        hub.fetch(NAME)
    assert cached(NAME) == []


@pytest.mark.parametrize("scheme", ["http", "file"])
def test_mirror_need_not_have_what_the_package_has(known, serve, monkeypatch, tmp_path, scheme):
    (tmp_path / "mirror").mkdir()
    address = serve(tmp_path / "mirror")[0] if scheme == "http" else (tmp_path / "mirror").as_uri()
    monkeypatch.setenv("ZOO_MIRROR", address)
    assert hub.fetch(NAME).path == known / NAME / "2"
    (known / NAME / "2" / "manifest.json").unlink()
    with pytest.raises(
        FileNotFoundError, match=rf"{scheme}://.*/{NAME}/2/manifest\.json.*ZOO_MIRR"
    ):
        hub.fetch(NAME)


@pytest.mark.parametrize(
    "mirror",
    ["ftp://host/zoo", "/srv/zoo", "file://host/zoo", "hf://owner", "https://host/zoo?key=1"],
)
def test_mirror_that_is_no_address(known, monkeypatch, mirror):
    monkeypatch.setenv("ZOO_MIRROR", mirror)
    with pytest.raises(
        ValueError, match=f"ZOO_MIRROR: '{re.escape(mirror)}' is no address of a folder"
    ):
        hub.fetch(NAME)


def test_damaged_cache_stops(known, serve, monkeypatch):
    monkeypatch.setenv("ZOO_MIRROR", serve(known)[0])
    flip(hub.fetch(NAME).path / "model.safetensors")
    with pytest.raises(IntegrityError, match=r"cache.*model\.safetensors"):
        hub.fetch(NAME)


def test_damaged_shipped_file_is_named(known):
    flip(known / NAME / "2" / "golden.npz")
    with pytest.raises(IntegrityError, match=r"golden\.npz"):
        hub.fetch(NAME)
    assert summary(hub.fetch(f"{NAME}@1")) == "number 0"


def test_altered_index_is_refused(known):
    index = json.loads((known / "index.json").read_bytes())
    index["checkpoints"][NAME]["revisions"]["2"]["manifest_sha256"] = "0" * 64
    (known / "index.json").write_text(json.dumps(index))
    for function in (hub.fetch, zoo.info):
        with pytest.raises(IntegrityError, match=r"index\.json"):
            function(NAME)
    with pytest.raises(IntegrityError, match=r"index\.json"):
        zoo.list_models()


def test_altered_card_is_refused(known):
    card = known / NAME / "2" / "card.json"
    card.write_text(card.read_text().replace("0.1", "0.9"))
    with pytest.raises(IntegrityError, match=r"2/card\.json"):
        zoo.info(NAME)


def test_published_copy_is_the_same_and_needs_an_empty_place(known, mirror):
    published = {path.relative_to(mirror): path for path in mirror.rglob("*") if path.is_file()}
    assert len(published) == 1 + 3 * 5
    for relative, path in published.items():
        if (known / relative).exists():
            assert path.read_bytes() == (known / relative).read_bytes()
    with pytest.raises(FileExistsError):
        hub.publish(mirror)


@pytest.mark.parametrize("place", ["folder", "url", "url/"])
def test_foreign_checkpoint_needs_a_reason_to_be_trusted(foreign, serve, place):
    folder, sha256 = foreign
    source = folder if place == "folder" else serve(folder)[0] + place.removeprefix("url")
    with pytest.raises(UntrustedError, match=f'sha256="{sha256}".*trust=True'):
        zoo.load(source)
    with pytest.raises(IntegrityError, match=r"(sha256= asks for|should be) 0000"):
        zoo.load(source, sha256="0" * 64)
    for reason in ({"sha256": sha256}, {"sha256": sha256.upper()}, {"trust": True}):
        assert hub.fetch(source, **reason).sha256 == sha256
    with pytest.raises(ValueError, match="revision= is for a checkpoint of the zoo"):
        zoo.load(source, revision=1, trust=True)


def test_trust_does_not_cover_damage(foreign):
    folder, _ = foreign
    flip(folder / "model.safetensors")
    with pytest.raises(IntegrityError, match=r"model\.safetensors"):
        zoo.load(folder, trust=True)


def test_own_folder_and_a_copy_of_a_known_one_need_no_reason(known, tmp_path):
    zoo.save(random_model(units=[4]), tmp_path / "mine")
    assert hub.fetch(tmp_path / "mine").path == tmp_path / "mine"
    assert hub.fetch(str(tmp_path / "mine")).path == tmp_path / "mine"
    shutil.copytree(known / NAME / "1", tmp_path / "copy")
    assert summary(hub.fetch(tmp_path / "copy")) == "number 0"


def test_folder_does_not_stand_in_for_a_known_name(known, foreign, tmp_path, monkeypatch):
    shutil.copytree(foreign[0], tmp_path / "here" / NAME)
    monkeypatch.chdir(tmp_path / "here")
    assert summary(hub.fetch(NAME)) == "number 1"
    assert hub.fetch(f"./{NAME}", trust=True).sha256 == foreign[1]


def test_sha256_of_a_known_name_is_held_against_the_index(known):
    sha256 = zoo.info(NAME)["sha256"]
    assert hub.fetch(NAME, sha256=sha256).sha256 == sha256
    with pytest.raises(IntegrityError, match=f"{NAME}@2: the zoo pins sha256 {sha256}"):
        hub.fetch(NAME, sha256="0" * 64)


def test_folder_that_is_none(tmp_path):
    for path in (tmp_path / "nowhere", tmp_path, str(tmp_path / "nowhere"), "."):
        with pytest.raises(FileNotFoundError, match="is no checkpoint folder"):
            hub.fetch(path)


def test_fetched_model_is_the_shipped_one(known, mirror, serve, monkeypatch, published):
    monkeypatch.setenv("ZOO_MIRROR", serve(mirror)[0])
    fetched = zoo.load(NAME).get_weights()
    for ours, theirs in zip(fetched, zoo.load(published / NAME / "2").get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
