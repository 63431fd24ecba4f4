"""Sentiment of text: texts drawn from a made-up vocabulary, and reviews read from a csv."""

import re
import sys

import numpy as np
import pytest

import phasegrok
from phasegrok import InputError, cells, tasks
from phasegrok.tasks import text

# In the format of Kaggle's file: quotes where there is a comma, a quote or a line end in a review.
CSV = """review,sentiment
"One of the BEST films, I think.<br /><br />The best acting I've seen; 10/10!",positive
Dull dull dull acting...,negative
"He said ""dull"" twice,
and left.<br />A story well-told though",negative
NA,positive
"""


def planted(**more):
    return {"name": "planted_sentiment", "train_fraction": 0.5, **more}


@pytest.fixture
def imdb(tmp_path):
    """The section of a task whose file has these contents."""

    def section(contents=CSV, **more):
        path = tmp_path / "IMDB Dataset.csv"
        path.write_bytes(contents if isinstance(contents, bytes) else contents.encode())
        return {"name": "imdb", "path": str(path), "train_fraction": 0.5, "examples": 4, **more}

    return section


# ---------------------------------------------------------------------------- planted_sentiment


def test_a_planted_text_has_more_words_of_its_class_and_words_of_both_signs_as_many_as_asked():
    data = tasks.dataset(planted(lexicon=7, vocabulary=30, sentiment_words=5, examples=200), 0)
    margins = set()
    for row, label in zip(data.inputs, data.labels, strict=True):
        positive = sum(1 <= word <= 7 for word in row)
        negative = sum(8 <= word <= 14 for word in row)
        assert positive + negative == 5 and (positive > negative) == (label == 1)
        margins.add(abs(positive - negative))
    assert margins == {1, 3, 5}
    assert set(np.unique(data.inputs)) == set(range(31))  # every word is used
    assert (data.classes, data.sizes) == (2, {"symbols": 31, "length": 16, "outputs": 2})


def test_planted_texts_are_of_half_to_the_whole_length_and_padded_on_the_left():
    for length, shortest in ((16, 8), (7, 4)):
        data = tasks.dataset(planted(length=length, sentiment_words=3), 0)
        written = data.inputs > 0
        assert (np.diff(written.astype(int), axis=1) >= 0).all()
        assert set(written.sum(axis=1)) == set(range(shortest, length + 1))


def test_more_planted_texts_contain_fewer_and_their_classes_are_balanced():
    few, many = tasks.dataset(planted(examples=50), 0), tasks.dataset(planted(examples=81), 1)
    np.testing.assert_array_equal(many.inputs[:50], few.inputs)
    np.testing.assert_array_equal(many.labels[:50], few.labels)
    assert few.labels.sum() == 25
    other = tasks.dataset(planted(examples=50, data_seed=1), 0)
    assert (other.inputs != few.inputs).any()


@pytest.mark.parametrize(
    "options, words",
    [
        ({"sentiment_words": 4}, "task.sentiment_words = 4: must be an odd whole number >= 1"),
        ({"sentiment_words": 9}, "must be at most 8, the words of the shortest text of task.leng"),
        ({"lexicon": 50}, "task.lexicon = 50: so many words are positive and as many negative"),
        ({"length": 0}, "task.length = 0: must be a whole number >= 1"),
    ],
)
def test_texts_that_cannot_be_drawn_are_refused(options, words):
    (fault,) = tasks.faults(planted(**options))
    assert words in fault


# ----------------------------------------------------------------------------------------- imdb


def test_reviews_become_the_tokens_of_their_frequent_words(imdb):
    """Lower case; tags, stop-words, digits and punctuation gone; the most frequent word is 1."""
    data = tasks.dataset(imdb(length=6), 0)
    # Dull comes 4 times, best and acting twice, the others once, in the order they are seen.
    dull, best, acting, films, think, ive, said, twice, left, story, welltold, na = (
        *(1, 2, 3, 4, 5, 6), *(8, 9, 10, 11, 12, 13)
    )  # fmt: skip
    expected = [
        [best, films, think, best, acting, ive],  # "seen", word 7, is one too many
        [0, 0, dull, dull, dull, acting],
        [said, dull, twice, left, story, welltold],
        [0, 0, 0, 0, 0, na],
    ]
    np.testing.assert_array_equal(data.inputs, expected)
    np.testing.assert_array_equal(data.labels, [1, 0, 0, 1])
    assert (data.classes, data.sizes) == (2, {"symbols": 1001, "length": 6, "outputs": 2})


def test_words_that_are_not_frequent_enough_are_left_out(imdb):
    data = tasks.dataset(imdb(length=4, vocabulary=2), 0)
    np.testing.assert_array_equal(
        data.inputs, [[0, 0, 2, 2], [0, 1, 1, 1], [0, 0, 0, 1], [0, 0, 0, 0]]
    )
    assert data.reads["symbols"] == 3


def test_only_the_first_reviews_are_read_and_counted(imdb):
    data = tasks.dataset(imdb(examples=2, length=4), 0)
    np.testing.assert_array_equal(data.inputs[1], [1, 1, 1, 3])  # dull, best, acting


@pytest.mark.parametrize(
    "contents, words",
    [
        ("", r"cannot be read as a csv \(No columns to parse from file\)"),
        (CSV + '"never closed,positive\n', r"cannot be read as a csv \(.*EOF inside string"),
        (b"review,sentiment\n\xff\xfe,positive\n", r"cannot be read as a csv \('utf-8' codec"),
        ("text,label\na,positive\n", "must have the columns review and sentiment, has text, lab"),
        (CSV.replace("NA,positive", "NA,good"), "review 4 is 'good', must be positive or negat"),
        (CSV.replace("NA,positive", "NA"), "review 4 is '', must be positive or negative"),
    ],
)
def test_a_file_that_is_not_what_it_must_be_is_refused_in_one_sentence(imdb, contents, words):
    section = imdb(contents, examples=5)
    (fault,) = tasks.faults(section)
    assert re.search(words, fault), fault
    assert fault.startswith(f"task.path = {section['path']}: ") and "\n" not in fault
    assert fault.endswith('take Kaggle\'s "IMDB Dataset.csv" as it is, ' + text.ADVICE)


def test_too_few_reviews_and_reviews_of_one_class_are_refused(imdb):
    (few,) = tasks.faults(imdb(examples=5))
    assert re.match(r"task.examples = 5: must be at most 4, for .*csv has no more reviews", few)
    (alike,) = tasks.faults(imdb(CSV.replace("negative", "positive"), examples=2))
    assert re.match(r"task.examples = 2: so many first reviews .* are all positive; ask for", alike)


@pytest.mark.parametrize("absent", ["pandas", "sklearn.feature_extraction.text"])
def test_without_the_libraries_that_read_reviews_it_is_said_what_to_install(
    absent, imdb, monkeypatch
):
    monkeypatch.setitem(sys.modules, absent, None)
    (fault,) = tasks.faults(imdb())
    assert fault.startswith("task.name = imdb needs pandas and scikit-learn, which cannot both be")
    assert fault.endswith(f"with pip install pandas scikit-learn, {text.ADVICE}")


def test_a_path_that_is_missing_or_leads_nowhere_is_a_fault_before_anything_runs():
    chosen = ["task=imdb", "task.p=null", "model=lstm"]
    with pytest.raises(InputError) as missing:
        phasegrok.runs("quick", overrides=chosen)
    assert missing.value.faults == [
        'task.path is missing: imdb needs the path of Kaggle\'s "IMDB Dataset.csv" (or choose '
        "task=planted_sentiment, which needs no file)"
    ]
    with pytest.raises(
        InputError, match=r"task.path = /.*no/where.csv: there is no such file; take"
    ):
        phasegrok.runs("quick", overrides=[*chosen, "task.path=no/where.csv"])


def test_the_place_of_the_file_is_no_part_of_a_runs_id(imdb):
    here = {"task": imdb(), "seed": 0}
    assert cells.run_id(here) == cells.run_id({**here, "task": imdb(path="elsewhere.csv")})
    assert cells.run_id(here) != cells.run_id({**here, "task": imdb(length=5)})


@pytest.mark.parametrize("name", ["planted_sentiment", "imdb"])
def test_a_network_trains_on_texts(name, imdb):
    chosen = [f"task={name}", "task.p=null", "model=lstm", "model.width=4", "train.steps=5"]
    chosen += ["sweep.x={param: optim.lr, values: [0.01]}", "seeds=2"]
    chosen += ["sweep.y={param: optim.weight_decay, values: [0.1]}"]
    if name == "imdb":
        chosen += [f"task.path='{imdb()['path']}'", "task.examples=4"]
    trained = phasegrok.train(phasegrok.runs("quick", overrides=chosen), stop_when_decided=False)
    assert trained["status"].tolist() == ["finished"] * 2
    assert trained["train_loss"].notna().tolist() == [True] * 2
