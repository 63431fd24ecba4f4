"""Which phase a run is in, by one of two rules; `kinds` has the table of rules and phases.

First crossing, Liu et al. 2022 (arXiv 2205.10343), Table 1: accuracy thresholds on training and
validation data, the *first* evaluated step that reaches each, and the gap between the two steps.
First crossing means that a run which fitted and later collapsed still counts as having fitted.
A run that did not generalise within its budget is censored, not proven unable to.

Final accuracies, Doshi et al. 2023 (arXiv 2310.13061): thresholds on both accuracies at the end of
the budget, for training labels of which some are wrong; `final` has the table.
"""

from phasegrok.phases.final import decide_final, full_below, limits
from phasegrok.phases.kinds import (
    FINAL_ACCURACY,
    FIRST_CROSSING,
    KINDS,
    NUMBERS,
    PHASES,
    UNDECIDED,
    Kind,
)
from phasegrok.phases.many import LABELS, Column, classify, codes_of, crossings
from phasegrok.phases.rule import (
    CLASSIFY_COLUMNS,
    LADDER,
    Rule,
    decide,
    needed,
    phase_of,
)
from phasegrok.phases.seeds import cell_table, entropy, leaders

__all__ = [
    "CLASSIFY_COLUMNS",
    "FINAL_ACCURACY",
    "FIRST_CROSSING",
    "KINDS",
    "LABELS",
    "LADDER",
    "NUMBERS",
    "PHASES",
    "UNDECIDED",
    "Column",
    "Kind",
    "Rule",
    "cell_table",
    "classify",
    "codes_of",
    "crossings",
    "decide",
    "decide_final",
    "entropy",
    "full_below",
    "leaders",
    "limits",
    "needed",
    "phase_of",
]
