"""What a smaller budget would have shown: python analysis/budget_sensitivity.py STUDY [FOLDER]

Draws budget_sensitivity.png: how many cells show which phase, had every run ended at a share of the
budget, from 1/64 to all of it. The gap stays what it is in steps. White: ties.
"""

import sys

from matplotlib.figure import Figure
from study import Study, main

from phasegrok.diagram import PHASE_COLORS
from phasegrok.frames import budget_rules, changes, sensitivity
from phasegrok.phases import PHASES

SHARES = [2 ** (-i / 2) for i in range(12, -1, -1)]


def picture(study: Study) -> tuple[Figure, str]:
    rules = budget_rules(study.rule, study.budget, SHARES)
    maps = sensitivity(study.runs, study.axes, rules)
    counts = maps.groupby("rule", sort=False)["shown"].value_counts().unstack(fill_value=0)
    present = [phase for phase in PHASES if phase in counts]
    budgets = [share * study.budget for share in SHARES]
    figure = Figure(figsize=(4.5, 3.2), layout="constrained")
    ax = figure.subplots()
    cells = [counts[phase] for phase in present]
    ax.stackplot(budgets, *cells, labels=present, colors=[PHASE_COLORS[p] for p in present])
    ax.set(xscale="log", xlabel="budget (steps)", ylabel="cells", xlim=(budgets[0], budgets[-1]))
    figure.legend(loc="outside upper center", ncols=2, frameon=False)
    half = changes(maps).set_index("rule").loc[rules[-3][0]]
    differ = f"{half['changed']:.0f} of {half['cells']:.0f}"
    return figure, (
        f"How many cells of {study.name} show which phase with budgets of {budgets[0]:.0f} to "
        f"{budgets[-1]:.0f} steps; with half of it {differ} differ."
    )


if __name__ == "__main__":
    sys.exit(main(picture, __file__, sys.argv[1:]))
