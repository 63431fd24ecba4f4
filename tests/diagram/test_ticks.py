"""Ticks of axes and of colour bars."""

from __future__ import annotations

import pytest

from phasegrok.diagram.ticks import bar_ticks, number_texts, ticks
from phasegrok.frames import Axis, axis_cells


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ([0.2, 0.5, 0.9], ["0.2", "0.5", "0.9"]),
        ([0.2 + 0.05 * i for i in range(15)], ["0.2", "0.4", "0.6", "0.8"]),
        ([0.03 * 1000 ** (i / 12) for i in range(13)], ["0.1", "1", "10"]),
        ([0.0, *(0.03 * 1000 ** (i / 12) for i in range(13))], ["0", "0.1", "1", "10"]),
        ([16 * 2**i for i in range(8)], ["16", "64", "256", "1024"]),
        ([1e-5, 1e-4, 1e-3], ["$10^{-5}$", "$10^{-4}$", "$10^{-3}$"]),
        ([0.9, 0.98, 0.99, 0.999], ["0.9", "0.98", "0.999"]),
    ],
)
def test_ticks_are_true_values_few_enough_to_read(values: list[float], labels: list[str]) -> None:
    axis = Axis.of("some.key", values)
    marks = ticks(axis)
    assert list(marks.labels) == labels
    broken = axis_cells(axis)["broken"].tolist()
    for place, text in zip(marks.places[any(broken) :], labels[any(broken) :], strict=True):
        if "$" not in text:
            assert place == pytest.approx(float(text))


def test_numbers_that_plain_decimals_show_badly_become_powers_of_ten() -> None:
    assert number_texts([0.001, 0.5]) == ["0.001", "0.5"]
    assert number_texts([0, 3e-5, 1e-4]) == ["0", r"$3\times 10^{-5}$", "$10^{-4}$"]


@pytest.mark.parametrize(
    ("numbers", "texts"),
    [
        ([0.2, 0.8617738760, 3.7132712, 16], ["0.2", "0.862", "3.71", "16"]),
        ([0.5, 0.861773, 0.861912], ["0.5", "0.8618", "0.8619"]),
        ([0.9995, 1024, 12345.67], ["0.9995", "1024", "12346"]),
        ([1.23456e-7, 1.5e-5], [r"$1.23\times 10^{-7}$", r"$1.5\times 10^{-5}$"]),
        ([1.23456e-7, 1.2349e-7], [r"$1.2346\times 10^{-7}$", r"$1.2349\times 10^{-7}$"]),
    ],
)
def test_a_long_number_is_rounded_as_far_as_its_neighbours_allow(
    numbers: list[float], texts: list[str]
) -> None:
    assert number_texts(numbers) == texts


@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [
        (12, 950, ["20", "50", "100", "200", "500"]),
        (20, 260, ["20", "50", "100", "200"]),
        (10, 2000, ["10", "30", "100", "300", "1000"]),
        (1e-5, 20, ["$10^{-5}$", "$10^{-3}$", "$10^{-1}$", "$10^{1}$"]),
        (0.35, 0.98, ["0.4", "0.6", "0.8"]),
        (110, 140, ["110", "115", "120", "125", "130", "135", "140"]),
    ],
)
def test_a_log_colour_bar_has_round_numbers_at_any_range(
    low: float, high: float, labels: list[str]
) -> None:
    marks = bar_ticks(low, high, log=True)
    assert list(marks.labels) == labels
    assert all(low <= place <= high for place in marks.places)


def test_a_linear_colour_bar_has_round_numbers_too() -> None:
    assert bar_ticks(0, 1, log=False).labels == ("0", "0.2", "0.4", "0.6", "0.8", "1")
