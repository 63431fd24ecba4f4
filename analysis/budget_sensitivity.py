"""What a smaller budget would have shown: python analysis/budget_sensitivity.py STUDY [FOLDER]

Draws budget_sensitivity.png: how many cells show which phase, had every run ended at a share of the
budget, from 1/64 to all of it. The gap stays what it is in steps. White: ties.
"""

import sys
from typing import Any

from matplotlib.patches import Patch
from study import Study, main

from phasegrok.diagram import PHASE_COLORS, Picture
from phasegrok.frames import budget_rules, changes, sensitivity
from phasegrok.phases import PHASES

SHARES = [2 ** (-i / 2) for i in range(12, -1, -1)]


def picture(study: Study) -> Picture:
    rules = budget_rules(study.rule, study.budget, SHARES)
    maps = sensitivity(study.runs, study.axes, rules)
    counts = maps.groupby("rule", sort=False)["shown"].value_counts().unstack(fill_value=0)
    colors = {phase: PHASE_COLORS[phase] for phase in PHASES if phase in counts}
    budgets = [share * study.budget for share in SHARES]

    def paint(room: Any, size: Any) -> None:
        ax = room.subplots()
        ax.stackplot(budgets, *(counts[phase] for phase in colors), colors=colors.values())
        ends = budgets[0], budgets[-1]
        ax.set(xscale="log", xlabel="budget (steps)", ylabel="cells", xlim=ends)

    half = changes(maps).set_index("rule").loc[rules[-3][0]]
    differ = f"with half of it {half['changed']:.0f} of {half['cells']:.0f} differ"
    return Picture(
        paint,
        entries=[Patch(color=color, label=phase) for phase, color in colors.items()],
        shows="how many cells show which phase, had every run ended at a smaller budget, the gap "
        f"the same in steps; {differ}. White: ties",
        alt=f"How many cells of {study.name} show which phase with budgets of {budgets[0]:.0f} to "
        f"{budgets[-1]:.0f} steps; {differ}.",
    )


if __name__ == "__main__":
    sys.exit(main(picture, __file__, sys.argv[1:]))
