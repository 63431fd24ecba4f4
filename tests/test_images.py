"""The tasks of images: digits from scikit-learn, MNIST from its files, and what is refused."""

from __future__ import annotations

import gzip
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits

import phasegrok
from phasegrok import InputError, cells, tasks
from phasegrok.config import compose
from phasegrok.tasks import images
from tests.config_cases import changed, faults
from tests.data_files import idx

IMAGES = np.random.default_rng(0).integers(256, size=(25, 4, 3), dtype=np.uint8)
LABELS = np.arange(25, dtype=np.uint8) % 7
TRAINING = 20
NAMES = [name for pair in images.FILES for name in pair]


def digits(**more: Any) -> dict[str, Any]:
    return {"name": "digits", "train_fraction": 0.5, **more}


def tiny(folder: Path, **more: Any) -> dict[str, Any]:
    task = {"name": "mnist", "path": str(folder), "examples": 25}
    return {**task, "train_fraction": 0.5, **more}


def contents() -> dict[str, bytes]:
    halves = [slice(TRAINING), slice(TRAINING, None)]
    arrays = [array[half] for half in halves for array in (IMAGES, LABELS)]
    return dict(zip(NAMES, map(idx, arrays), strict=True))


def write(folder: Path, files: dict[str, bytes], packed: bool = False) -> Path:
    for name, content in files.items():
        if packed:
            (folder / f"{name}.gz").write_bytes(gzip.compress(content))
        else:
            (folder / name).write_bytes(content)
    return folder


# --------------------------------------------------------------------------------------- digits


def test_digits_are_those_of_scikit_learn_between_0_and_1() -> None:
    known: Any = load_digits()
    data = tasks.dataset(digits(), 0)
    assert data.inputs.dtype == np.float64 and data.labels.dtype == np.int64
    assert (data.classes, data.sizes) == (10, {"features": 64, "outputs": 10})
    assert (data.inputs.min(), data.inputs.max()) == (0, 1)
    ours = np.column_stack([data.inputs * 16, data.labels])
    theirs = np.column_stack([known.data, known.target])
    assert sorted(ours.tolist()) == sorted(theirs.tolist())  # each once, with its own label
    assert tasks.size(digits()) == len(known.data) and tasks.train_size(digits()) == 898


@pytest.mark.parametrize("source", ["digits", "mnist"])
def test_examples_are_a_random_choice_shared_by_all_runs_and_more_contain_fewer(
    source: str, tmp_path: Path
) -> None:
    task = digits() if source == "digits" else tiny(write(tmp_path, contents()))
    whole, some = (tasks.dataset({**task, "examples": n}, 0) for n in (tasks.size(task), 9))
    assert (some.inputs == whole.inputs[:9]).all() and (some.labels == whole.labels[:9]).all()
    assert some.classes == whole.classes  # whatever was drawn
    assert tasks.dataset({**task, "examples": 9, "label_noise": 0.3}, seed=5) is some
    other = tasks.dataset({**task, "examples": 9, "data_seed": 1}, 0)
    assert (other.inputs != some.inputs).any()
    assert tasks.size({**task, "examples": 9}) == 9 and not tasks.differs_per_seed(task)


def test_a_network_learns_digits_from_200_images() -> None:
    """A plain loop had reached 0.93 after 50 steps (AdamW 1e-3, squared error, one split)."""
    asked = ["+sweep=omnigrok_digits", "sweep.x.values=[1]", "sweep.y.values=[0.1]", "seeds=1"]
    runs = cells.runs(compose([*asked, "train.steps=100"]))
    row = phasegrok.train(runs, compiled=False, stop_when_decided=False).iloc[0]
    assert tasks.train_size(runs[0].config["task"]) == 200
    assert row["train_acc"] > 0.98 and 0.9 < row["val_acc"] < 0.98


def test_without_scikit_learn_the_tasks_that_need_it_say_so_and_the_engine_stands(
    tmp_path: Path,
) -> None:
    code = f"""
import sys
sys.modules["sklearn"] = None
import phasegrok.engine
from phasegrok import tasks
mnist = {tiny(write(tmp_path, contents()))!r}
print(len(tasks.dataset(mnist, 0).labels))
for task in ({digits()!r}, {{**mnist, "path": None}}):
    try:
        tasks.dataset(task, 0)
    except phasegrok.InputError as error:
        print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    length, of_digits, of_mnist = done.stdout.splitlines()
    assert length == "25"
    assert of_digits.startswith("task.name = digits needs scikit-learn, which cannot be imported")
    assert of_mnist.startswith("task.name = mnist without task.path needs scikit-learn")


# ----------------------------------------------------------------------------------- MNIST's files


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_mnist_is_read_from_its_four_files(packed: bool, tmp_path: Path) -> None:
    task = tiny(write(tmp_path, contents(), packed))
    assert tasks.faults(task) == []
    data = tasks.dataset(task, 0)
    assert (data.classes, data.sizes) == (7, {"features": 12, "outputs": 7})
    ours = np.column_stack([data.inputs * 255, data.labels])
    theirs = np.column_stack([IMAGES.reshape(25, 12), LABELS])
    assert sorted(ours.round(9).tolist()) == sorted(theirs.astype(float).tolist())
    assert tasks.size(task) == 25


def damaged(name: str, content: bytes) -> dict[str, bytes]:
    return {**contents(), name: content}


def without(name: str) -> dict[str, bytes]:
    return {key: value for key, value in contents().items() if key != name}


TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS = NAMES
BAD = {
    "missing": (without(TEST_LABELS), f"has neither {TEST_LABELS} nor {TEST_LABELS}.gz; it must"),
    "magic": (
        damaged(TRAIN_IMAGES, idx(IMAGES[:20], magic=2052)),
        f"{TRAIN_IMAGES} must begin with the 16 bytes of an IDX header of images, 00 00 08 03 and "
        "the sizes, but begins with 00 00 08 04",
    ),
    "swapped": (
        damaged(TRAIN_LABELS, contents()[TRAIN_IMAGES]),
        f"{TRAIN_LABELS} must begin with the 8 bytes of an IDX header of labels, 00 00 08 01",
    ),
    "empty": (damaged(TEST_IMAGES, b""), f"{TEST_IMAGES} must begin .* but ends after 0 bytes"),
    "short header": (
        damaged(TEST_IMAGES, contents()[TEST_IMAGES][:6]),
        f"{TEST_IMAGES} must begin .* but ends after 00 00 08 03 00 00",
    ),
    "short labels": (
        damaged(TRAIN_LABELS, contents()[TRAIN_LABELS][:-3]),
        f"{TRAIN_LABELS} must hold 20 = 20 bytes after its header, as that says, but holds 17",
    ),
    "long labels": (
        damaged(TEST_LABELS, contents()[TEST_LABELS] + b"\0"),
        f"{TEST_LABELS} must hold 5 = 5 bytes after its header, as that says, but holds 6",
    ),
    "other count": (
        damaged(TRAIN_LABELS, idx(LABELS[:19])),
        f"{TRAIN_IMAGES} has 20 images but {TRAIN_LABELS} has 19 labels; they do not belong",
    ),
    "other size": (
        damaged(TEST_IMAGES, idx(IMAGES[20:, :3])),
        f"{TRAIN_IMAGES} must have images, as large as those of {TEST_IMAGES}; they are 20 x 4 x 3 "
        "and 5 x 3 x 3",
    ),
    "no images": (
        {**contents(), TEST_IMAGES: idx(IMAGES[:0]), TEST_LABELS: idx(LABELS[:0])},
        f"{TRAIN_IMAGES} must have images, .* 20 x 4 x 3 and 0 x 4 x 3",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_file_is_told_in_one_sentence_before_anything_runs(case: str, tmp_path: Path) -> None:
    files, message = BAD[case]
    task = tiny(write(tmp_path, files))
    with pytest.raises(InputError, match=message) as error:
        tasks.dataset(task, 0)
    assert tasks.faults(task) == [f"task.path = {tmp_path}: {error.value}"]


def test_pixels_that_are_cut_off_are_told_when_they_are_read(tmp_path: Path) -> None:
    content = contents()[TEST_IMAGES][:-1]
    task = tiny(write(tmp_path, damaged(TEST_IMAGES, content)))
    with pytest.raises(InputError, match=r"must hold 5 x 4 x 3 = 60 bytes .* but holds 59: it is"):
        tasks.dataset(task, 0)


@pytest.mark.parametrize("spoil", [lambda packed: packed[:-9], lambda packed: b"no gzip at all"])
def test_a_damaged_gzip_file_is_told(spoil: Any, tmp_path: Path) -> None:
    file = write(tmp_path, contents(), packed=True) / f"{TRAIN_LABELS}.gz"
    file.write_bytes(spoil(file.read_bytes()))
    (fault,) = tasks.faults(tiny(tmp_path))
    assert f"{TRAIN_LABELS}.gz cannot be read, it may be damaged or cut off: " in fault


def test_a_missing_folder_is_told_with_what_it_must_hold(tmp_path: Path) -> None:
    (fault,) = tasks.faults(tiny(tmp_path / "gone"))
    assert fault.startswith(f"task.path = {tmp_path / 'gone'}: {tmp_path / 'gone'} is no folder")
    assert all(name in fault for name in NAMES)


def test_bad_options_are_told_together_with_other_faults(tmp_path: Path) -> None:
    model = {"name": "vector_mlp"}
    task = tiny(write(tmp_path, contents()), examples=26, data_seed=-1)
    found = faults(changed(task=task, model=model, optim__lr=-1))
    assert len(found) == 3
    there = "task.examples = 26: must be at most 25, all images that there are"
    assert any(fault.endswith(there) for fault in found)
    named = {"name": "mnist", "data": "0123456789abcdef", "train_fraction": 0.5}
    (fault,) = faults(changed(task=named, model=model))
    assert "task.data = 0123456789abcdef: needs task.path, the folder of its files;" in fault
    (fault,) = faults(changed(task=tiny(tmp_path, data="fashion"), model=model))
    assert "task.data = fashion: must be null (found by reading the files), or the 16" in fault
    (fault,) = faults(changed(task=digits(examples=1798), model=model))
    assert "task.examples = 1798: must be at most 1797" in fault
    (fault,) = faults(changed(task=tiny(tmp_path, path=3), model=model))
    assert "task.path = 3: must be text" in fault


# ---------------------------------------------------------------------------- elsewhere and OpenML


def test_mnist_that_cannot_be_downloaded_is_told_with_what_would_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # where nothing answers
    monkeypatch.setattr("urllib.request._opener", None)
    task = {"name": "mnist", "train_fraction": 0.5}
    assert tasks.faults(task) == [] and tasks.size(task) == 2000
    with pytest.raises(InputError) as error:
        tasks.dataset(task, 0)
    (message,) = error.value.faults
    assert message.startswith("MNIST cannot be downloaded from OpenML here (")
    assert message.endswith("by task.path=DIR, or use task=digits, which needs no download")


def test_what_was_downloaded_is_kept_as_the_four_files_and_never_half(tmp_path: Path) -> None:
    words = LABELS.astype(str).astype(object)  # as OpenML gives them
    for _ in range(2):  # a second process that fetched them meanwhile
        images.keep(tmp_path / "kept", IMAGES.astype(float), words, training=TRAINING)
    assert {file.name: file.read_bytes() for file in (tmp_path / "kept").iterdir()} == contents()
    assert [file.name for file in tmp_path.iterdir()] == ["kept"]
