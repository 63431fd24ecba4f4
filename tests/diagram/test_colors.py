"""The colours of a rule's phases stay apart for every eye and on grey paper."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from phasegrok.diagram.colors import PHASE_COLORS
from phasegrok.phases import KINDS, PHASES, UNDECIDED

# The phases of each rule that have a region of their own; side cases aside.
MAIN = {
    "first_crossing": ("comprehension", "grokking", "memorization", "confusion"),
    "final_accuracy": KINDS["final_accuracy"].phases,
}

# Machado, Oliveira and Fernandes 2009, severity 1, for linear RGB.
EYES = {
    "normal": np.eye(3),
    "protanopia": np.array([[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
                            [-0.003882, -0.048116, 1.051998]]),
    "deuteranopia": np.array([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
                              [-0.011820, 0.042940, 0.968881]]),
    "tritanopia": np.array([[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
                            [0.004733, 0.691367, 0.303900]]),
}  # fmt: skip

# Of sRGB and its white (IEC 61966-2-1).
XYZ = np.array([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750],
                [0.0193339, 0.1191920, 0.9503041]])  # fmt: skip
WHITE = XYZ.sum(axis=1)


def lab(color: str, eye: str = "normal") -> np.ndarray:
    """CIELAB of a colour as an eye sees it; the first number is lightness, 0 to 100."""
    rgb = np.array(to_rgb(color))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    xyz = XYZ @ np.clip(EYES[eye] @ linear, 0, 1) / WHITE
    x, y, z = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def test_every_phase_has_a_colour_of_its_own() -> None:
    assert PHASE_COLORS.keys() == {*PHASES, UNDECIDED}
    assert len(set(PHASE_COLORS.values())) == len(PHASE_COLORS)


@pytest.mark.parametrize("rule", MAIN)
@pytest.mark.parametrize("eye", EYES)
def test_the_phases_of_a_rule_are_told_apart_by_every_eye(rule: str, eye: str) -> None:
    seen = {phase: lab(PHASE_COLORS[phase], eye) for phase in MAIN[rule]}
    for one, other in combinations(seen, 2):
        assert np.linalg.norm(seen[one] - seen[other]) > 29.9, (one, other)


@pytest.mark.parametrize("rule", MAIN)
def test_the_phases_of_a_rule_are_told_apart_in_grey(rule: str) -> None:
    greys = sorted(lab(PHASE_COLORS[phase])[0] for phase in MAIN[rule])
    assert np.diff(greys).min() > 12
