"""Is a text positive or negative? `planted_sentiment`, drawn here, and `imdb`, read from a file.

A text is a row of tokens, padded with 0 on the left; words are 1 to `vocabulary`, classes 0
(negative) and 1 (positive).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import numpy as np

from phasegrok import streams
from phasegrok.errors import InputError
from phasegrok.options import Option, filled, integer, text
from phasegrok.tasks import files
from phasegrok.tasks.tables import Dataset, IntArray, Kind, Task, frozen

SENTIMENTS = ("negative", "positive")


def _dataset(tokens: IntArray, labels: IntArray, vocabulary: int) -> Dataset:
    reads = {"symbols": vocabulary + 1, "length": tokens.shape[1]}
    return Dataset(frozen(tokens), frozen(labels), len(SENTIMENTS), reads)


# ---------------------------------------------------------------------------- planted_sentiment

PLANTED_OPTIONS = {
    "examples": integer(2, default=1000),
    "length": integer(1, default=16),
    "vocabulary": integer(3, default=100),
    "lexicon": integer(1, default=20),
    "sentiment_words": Option(
        "an odd whole number >= 1", lambda n: integer(1).allows(n) and n % 2 == 1, default=5
    ),
    "data_seed": integer(0, default=0),
}


@lru_cache(maxsize=4)
def _planted(
    examples: int, length: int, vocabulary: int, lexicon: int, sentiment_words: int, data_seed: int
) -> Dataset:
    """The classes take turns, and more examples contain fewer.

    Words 1 to `lexicon` are positive, as many after them negative, the others neutral. A text has
    from half of `length` (rounded up) to `length` words; `sentiment_words` of them, anywhere, are
    of the lexicon, and of these more than half, up to all, are of the text's class: an odd number,
    so there is no tie. Every choice is uniform.
    """
    drawn = streams.generator(data_seed, "texts").random((examples, 2 + 2 * length))
    labels = np.arange(examples, dtype=np.int64) % 2
    words = _among((length + 1) // 2, length, drawn[:, :1])
    own = _among(sentiment_words // 2 + 1, sentiment_words, drawn[:, 1:2])
    written = np.arange(length) >= length - words
    order = np.where(written, drawn[:, 2 : 2 + length], 1.0).argsort(axis=1).argsort(axis=1)
    which = [order >= sentiment_words, (order < own) == (labels[:, None] == 1)]
    first = np.select(which, [2 * lexicon + 1, 1], lexicon + 1)
    last = np.select(which, [vocabulary, lexicon], 2 * lexicon)
    tokens = _among(first, last, drawn[:, 2 + length :])
    return _dataset(np.where(written, tokens, 0), labels, vocabulary)


def _among(low: int | IntArray, high: int | IntArray, uniform: np.ndarray) -> IntArray:
    """Whole numbers from low to high, both included, of uniform numbers below 1."""
    return (low + np.floor(uniform * (high - low + 1))).astype(np.int64)


def _planted_faults(task: Task) -> list[str]:
    values = filled(task, PLANTED_OPTIONS)
    if not all(option.allows(values[key]) for key, option in PLANTED_OPTIONS.items()):
        return []
    found, shortest = [], (values["length"] + 1) // 2
    if values["sentiment_words"] > shortest:
        found.append(
            f"task.sentiment_words = {values['sentiment_words']}: must be at most {shortest}, the "
            f"words of the shortest text of task.length = {values['length']}"
        )
    if 2 * values["lexicon"] >= values["vocabulary"]:
        found.append(
            f"task.lexicon = {values['lexicon']}: so many words are positive and as many negative, "
            f"which must leave some of task.vocabulary = {values['vocabulary']}"
        )
    return found


PLANTED = Kind(
    PLANTED_OPTIONS,
    size=lambda task: filled(task, PLANTED_OPTIONS)["examples"],
    table=lambda task: _planted(**filled(task, PLANTED_OPTIONS)),
    faults=_planted_faults,
    inputs="tokens",
)


# ----------------------------------------------------------------------------------------- imdb

ADVICE = "or choose task=planted_sentiment, which needs no file"
IMDB_OPTIONS = {
    "path": text(f'the path of Kaggle\'s "IMDB Dataset.csv" ({ADVICE})'),
    "data": files.DATA,
    "examples": integer(2, default=1000),
    "length": integer(1, default=32),
    "vocabulary": integer(1, default=1000),
}

TAG = re.compile(r"</?\w+\s*/?>")
NOT_OF_WORDS = re.compile(r"[\W\d]")


@lru_cache(maxsize=4)
def _imdb(path: str, data: str | None, examples: int, length: int, vocabulary: int) -> Dataset:
    """The first `examples` reviews of the file: of each the first `length` words that are among
    the `vocabulary` most frequent of all these reviews, stop-words aside.

    Raises:
        InputError: the file is not what it must be.
    """
    reviews, labels = _read(path, data, examples)
    _, stop_words = _libraries()
    texts = [_words(review, stop_words) for review in reviews]
    counted = Counter(word for text in texts for word in text)
    # Of equally frequent words the one seen first.
    token = {word: i for i, (word, _) in enumerate(counted.most_common(vocabulary), start=1)}
    tokens = np.zeros((examples, length), dtype=np.int64)
    for row, words in zip(tokens, texts, strict=True):
        known = [token[word] for word in words if word in token][:length]
        row[length - len(known) :] = known
    return _dataset(tokens, labels, vocabulary)


def _words(review: str, stop_words: frozenset[str]) -> list[str]:
    """Lower case, without tags, stop-words, and in words all that is no letter or underscore."""
    words = (NOT_OF_WORDS.sub("", word) for word in TAG.sub(" ", review).lower().split())
    return [word for word in words if word and word not in stop_words]


def _libraries() -> tuple[Any, frozenset[str]]:
    """pandas, and the stop-words of scikit-learn; InputError where one of them is absent."""
    try:
        import pandas as pd
        from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS
    except ImportError as error:
        raise InputError(
            "task.name = imdb needs pandas and scikit-learn, which cannot both be imported here "
            f"({error}); install them with pip install pandas scikit-learn, {ADVICE}"
        ) from error
    return pd, ENGLISH_STOP_WORDS


@lru_cache(maxsize=4)
def _read(path: str, data: str | None, examples: int) -> tuple[Iterable[str], IntArray]:
    """The first reviews and their labels, [examples]."""
    pd, _ = _libraries()

    def fault(words: str) -> InputError:
        return InputError(f'task.path = {path}: {words}; take Kaggle\'s "IMDB Dataset.csv" as it '
                          f"is, {ADVICE}")  # fmt: skip

    try:
        # As text: a review may be "NA".
        table = pd.read_csv(files.absolute(path), nrows=examples, dtype=str,
                            keep_default_na=False, compression=None)  # fmt: skip
    except FileNotFoundError as error:
        raise fault("there is no such file") from error
    except (OSError, ValueError) as error:  # pandas' own errors are ValueErrors
        raise fault(f"cannot be read as a csv ({' '.join(str(error).split())})") from error
    if not {"review", "sentiment"} <= set(table.columns):
        columns = ", ".join(map(str, table.columns))
        raise fault(f"must have the columns review and sentiment, has {columns}")
    named = dict.fromkeys(table["sentiment"])
    if unknown := [word for word in named if word not in SENTIMENTS]:
        row = table["sentiment"].tolist().index(unknown[0]) + 1
        raise fault(f"review {row} is {unknown[0]!r}, must be positive or negative")
    if len(table) < examples:
        raise InputError(f"task.examples = {examples}: must be at most {len(table)}, for {path} "
                         "has no more reviews")  # fmt: skip
    if len(named) < len(SENTIMENTS):
        raise InputError(f"task.examples = {examples}: so many first reviews of {path} are all "
                         f"{named.popitem()[0]}; ask for more")  # fmt: skip
    labels = [SENTIMENTS.index(word) for word in table["sentiment"]]
    return table["review"], frozen(np.array(labels, dtype=np.int64))


def _imdb_sizes(task: Task) -> dict[str, int]:
    values = filled(task, IMDB_OPTIONS)
    symbols = values["vocabulary"] + 1
    return {"symbols": symbols, "length": values["length"], "outputs": len(SENTIMENTS)}


def _imdb_faults(task: Task) -> list[str]:
    """Whatever is wrong with the file is said before anything trains."""
    values = filled(task, IMDB_OPTIONS)
    read = {key: value for key, value in values.items() if key != "data"}
    if not all(IMDB_OPTIONS[key].allows(value) for key, value in read.items()):
        return []
    try:
        _read(values["path"], values["data"], values["examples"])
    except InputError as error:
        return error.faults
    return []


IMDB = Kind(
    IMDB_OPTIONS,
    size=lambda task: filled(task, IMDB_OPTIONS)["examples"],
    table=lambda task: _imdb(**filled(task, IMDB_OPTIONS)),
    faults=_imdb_faults,
    inputs="tokens",
    sizes=_imdb_sizes,
    files=lambda path: [files.absolute(path)],
)
