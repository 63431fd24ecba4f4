"""Tasks of images: scikit-learn's `digits`, built in, and `mnist`, from its files or from OpenML.

An image is one row of brightnesses from 0 to 1. Of all images a task has the first `examples` of
one random order (`data_seed`), so more examples contain fewer. `mnist` from a folder does not need
scikit-learn.
"""

from __future__ import annotations

import math
import os
import shutil
import struct
import sys
import warnings
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from phasegrok import streams
from phasegrok.errors import InputError
from phasegrok.options import filled, integer, text
from phasegrok.tasks import files
from phasegrok.tasks.tables import Dataset, Kind, Task, frozen

Bytes = npt.NDArray[np.uint8]

DIGITS_OPTIONS = {
    "examples": integer(2, default=None),
    "data_seed": integer(0, default=0),
}
MNIST_OPTIONS = {
    "path": text(default=None),
    "data": files.DATA,
    "examples": integer(2, default=2000),
    "data_seed": integer(0, default=0),
}

BRIGHTEST_DIGIT, BRIGHTEST_BYTE = 16, 255
ALL_DIGITS, DIGIT_FEATURES, TEN = 1797, 64, 10

# MNIST's four files: images and labels, of the training and of the test set.
FILES = (
    ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
)
ALL_MNIST, MNIST_FEATURES = 70_000, 28 * 28


def _chosen(images: Bytes, labels: Bytes, examples: int, data_seed: int, brightest: int) -> Dataset:
    """The first `examples` of the random order of all images, [images, ...]."""
    if found := _too_many(examples, len(images)):
        raise InputError(found)
    order = streams.generator(data_seed, "examples").permutation(len(images))[:examples]
    vectors = images[order].reshape(examples, -1) / brightest
    classes, features = int(labels.max()) + 1, vectors.shape[1]
    chosen = labels[order].astype(np.int64)
    return Dataset(frozen(vectors), frozen(chosen), classes, {"features": features})


def _too_many(examples: Any, there: int) -> list[str]:
    if not isinstance(examples, int) or examples <= there:
        return []
    return [f"task.examples = {examples}: must be at most {there}, all images that there are"]


def _sklearn_datasets(what: str) -> Any:
    try:
        import sklearn.datasets
    except ImportError as error:
        raise InputError(
            f"{what} needs scikit-learn, which cannot be imported here ({error}); install it with "
            "pip install scikit-learn"
        ) from error
    return sklearn.datasets


# --------------------------------------------------------------------------------------- digits


def _digits_size(task: Task) -> int:
    examples = filled(task, DIGITS_OPTIONS)["examples"]
    return ALL_DIGITS if examples is None else examples


@lru_cache(maxsize=4)
def _digits(examples: int, data_seed: int) -> Dataset:
    found = _sklearn_datasets("task.name = digits").load_digits()
    return _chosen(found.data, found.target, examples, data_seed, BRIGHTEST_DIGIT)


DIGITS = Kind(
    DIGITS_OPTIONS,
    size=_digits_size,
    table=lambda task: _digits(_digits_size(task), filled(task, DIGITS_OPTIONS)["data_seed"]),
    faults=lambda task: _too_many(task.get("examples"), ALL_DIGITS),
    inputs="vectors",
    sizes=lambda task: {"features": DIGIT_FEATURES, "outputs": TEN},
)


# ---------------------------------------------------------------------------------------- mnist


@dataclass(frozen=True)
class _Idx:
    """A file of bytes in the IDX format; `content` is empty if only its header was read."""

    file: Path
    shape: tuple[int, ...]
    content: Bytes

    @property
    def array(self) -> Bytes:
        return self.content.reshape(self.shape)


def _idx(file: Path, dimensions: int, whole: bool = True) -> _Idx:
    """Read a file, or only its header.

    Raises:
        InputError: it cannot be read, is in another format, or holds more or less than it says.
    """
    size = 4 + 4 * dimensions
    try:
        with files.opened(file) as stream:
            header, content = stream.read(size), stream.read() if whole else b""
    except files.UNREADABLE as error:
        raise files.damaged(file, error) from error
    magic = bytes([0, 0, 8, dimensions])  # 8: unsigned bytes
    short = len(header) < size
    if header[:4] != magic or short:
        what = {1: "labels", 3: "images"}[dimensions]
        raise InputError(
            f"{file} must begin with the {size} bytes of an IDX header of {what}, "
            f"{magic.hex(' ')} and the sizes, but {'ends after' if short else 'begins with'} "
            f"{header.hex(' ') or '0 bytes'}"
        )
    shape = struct.unpack(f">{dimensions}I", header[4:])
    if whole and len(content) != math.prod(shape):
        raise InputError(
            f"{file} must hold {_words(shape)} = {math.prod(shape)} bytes after its header, as "
            f"that says, but holds {len(content)}: it is damaged or cut off"
        )
    return _Idx(file, shape, np.frombuffer(content, np.uint8))


def _words(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))


def _parts(folder: Path, pixels: bool = True) -> tuple[list[_Idx], list[_Idx]]:
    """Images and labels, each of training and test set; without `pixels` headers of images only.

    Raises:
        InputError: a file is missing or damaged, or they do not belong together.
    """
    images, labels = (
        [_idx(_file(folder, pair[kind]), dimensions, whole) for pair in FILES]
        for kind, dimensions, whole in ((0, 3, pixels), (1, 1, True))
    )
    for image, label in zip(images, labels, strict=True):
        if image.shape[0] != label.shape[0]:
            raise InputError(
                f"{image.file} has {image.shape[0]} images but {label.file.name} has "
                f"{label.shape[0]} labels; they do not belong together"
            )
    first, last = (image.shape for image in images)
    if first[1:] != last[1:] or 0 in (*first, *last):
        raise InputError(
            f"{images[0].file} must have images, as large as those of {images[1].file.name}; they "
            f"are {_words(first)} and {_words(last)}"
        )
    return images, labels


def _mnist_files(path: str) -> list[Path]:
    return [_file(files.absolute(path), name) for pair in FILES for name in pair]


def _file(folder: Path, name: str) -> Path:
    """The file, or the same packed by gzip."""
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder here; it must hold {_all_files()}")
    for file in (folder / name, folder / f"{name}.gz"):
        if file.exists():
            return file
    raise InputError(f"{folder} has neither {name} nor {name}.gz; it must hold {_all_files()}")


def _all_files() -> str:
    return f"{', '.join(name for pair in FILES for name in pair)}, each as it is or with .gz"


@lru_cache(maxsize=4)
def _mnist(path: str | None, data: str | None, examples: int, data_seed: int) -> Dataset:
    parts = _parts(_fetched() if path is None else files.absolute(path))
    images, labels = (np.concatenate([each.array for each in part]) for part in parts)
    return _chosen(images, labels, examples, data_seed, BRIGHTEST_BYTE)


def _fetched() -> Path:
    """The folder with MNIST's files in scikit-learn's data home, made at the first call.

    OpenML's copy is text that takes long to read; the order of its images is that of the files.
    """
    datasets = _sklearn_datasets("task.name = mnist without task.path")
    try:
        folder = Path(datasets.get_data_home()) / "phasegrok-mnist"
        if not folder.exists():
            print(f"MNIST is fetched from OpenML into {folder}, once", file=sys.stderr)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # that it tries again
                found = datasets.fetch_openml("mnist_784", version=1, as_frame=False, n_retries=1)
            keep(folder, found.data.reshape(-1, 28, 28), found.target)
    except Exception as error:  # a download can fail in any way
        raise InputError(
            f"MNIST cannot be downloaded from OpenML here ({type(error).__name__}: {error}); give "
            "the folder of its files by task.path=DIR, or use task=digits, which needs no download"
        ) from error
    return folder


def keep(folder: Path, images: np.ndarray, labels: np.ndarray, training: int = 60_000) -> None:
    """Write MNIST's four files into a new folder, which is there whole or not at all."""
    making = folder.with_name(f"{folder.name}.{os.getpid()}")
    making.mkdir()
    try:
        for pair, rows in zip(FILES, (slice(training), slice(training, None)), strict=True):
            for name, array in zip(pair, (images, labels), strict=True):
                content = array[rows].astype(np.uint8)
                sizes = struct.pack(f">{content.ndim}I", *content.shape)
                header = bytes([0, 0, 8, content.ndim]) + sizes
                (making / name).write_bytes(header + content.tobytes())
        making.rename(folder)
    except OSError:
        if not folder.exists():  # no other process was first
            raise
    finally:
        shutil.rmtree(making, ignore_errors=True)


def _mnist_sizes(task: Task) -> dict[str, int]:
    values = filled(task, MNIST_OPTIONS)
    return dict(_sizes_of(values["path"], values["data"]))


@lru_cache(maxsize=4)
def _sizes_of(path: str | None, data: str | None) -> dict[str, int]:
    if path is None:
        return {"features": MNIST_FEATURES, "outputs": TEN}
    images, labels = _parts(files.absolute(path), pixels=False)
    classes = max(int(each.content.max()) for each in labels) + 1
    return {"features": math.prod(images[0].shape[1:]), "outputs": classes}


def _mnist_faults(task: Task) -> list[str]:
    """Of images only the headers are looked at: the rest is read when it is needed."""
    path, examples = task.get("path"), filled(task, MNIST_OPTIONS)["examples"]
    if path is None:
        alone = f"task.data = {task.get('data')}: needs task.path, the folder of its files; without"
        named = [f"{alone} one the data are MNIST of OpenML (task.data=null)"]
        return named * (task.get("data") is not None) + _too_many(examples, ALL_MNIST)
    if not MNIST_OPTIONS["path"].allows(path):
        return []
    try:
        labels = _parts(files.absolute(path), pixels=False)[1]
    except InputError as error:
        return [f"task.path = {path}: {fault}" for fault in error.faults]
    return _too_many(examples, sum(each.shape[0] for each in labels))


MNIST = Kind(
    MNIST_OPTIONS,
    size=lambda task: filled(task, MNIST_OPTIONS)["examples"],
    table=lambda task: _mnist(**filled(task, MNIST_OPTIONS)),
    faults=_mnist_faults,
    inputs="vectors",
    sizes=_mnist_sizes,
    files=_mnist_files,
)
