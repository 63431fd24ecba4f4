"""Which phase a run is in: comprehension, grokking, memorization or confusion, and two side cases.

The rule is Liu et al. 2022 (arXiv 2205.10343), Table 1: accuracy thresholds on training and
validation data, the *first* evaluated step that reaches each, and the gap between the two steps.
First crossing means that a run which fitted and later collapsed still counts as having fitted.
A run that did not generalise within its budget is censored, not proven unable to.
"""

from phasegrok.phases.many import LABELS, Column, classify, codes_of, crossings
from phasegrok.phases.rule import (
    CLASSIFY_COLUMNS,
    LADDER,
    PHASES,
    UNDECIDED,
    Rule,
    decide,
    needed,
    phase_of,
)
from phasegrok.phases.seeds import cell_table, entropy, leaders

__all__ = [
    "CLASSIFY_COLUMNS",
    "LABELS",
    "LADDER",
    "PHASES",
    "UNDECIDED",
    "Column",
    "Rule",
    "cell_table",
    "classify",
    "codes_of",
    "crossings",
    "decide",
    "entropy",
    "leaders",
    "needed",
    "phase_of",
]
