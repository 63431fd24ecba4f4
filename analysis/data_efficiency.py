"""How much data it takes: python analysis/data_efficiency.py STUDY [FOLDER]

Draws data_efficiency.png, the kind of figure 1 (centre) of Power et al. 2022 (2201.02177): median
steps to the validation accuracy of the sweep's rule against the training fraction, a line for each
value of the other axis. `phasegrok plot DIR --kind efficiency` draws the same; this is one to copy
and change.
"""

import sys

from matplotlib.figure import Figure
from study import Study, main

from phasegrok.diagram import data_hash
from phasegrok.diagram.laws import efficiency_picture
from phasegrok.diagram.layout import lay_out
from phasegrok.frames import data_efficiency
from phasegrok.frames.efficiency import FRACTION


def picture(study: Study) -> tuple[Figure, str]:
    others = [axis for axis in study.axes.values() if axis.key != FRACTION]
    accuracy = study.rule.val_accuracy
    keys = [axis.key for axis in others]
    points = data_efficiency(study.runs, accuracy, keys, study.budget)
    drawn = efficiency_picture(points, others, accuracy)
    words = f"{study.name}: {drawn.shows}. Data {data_hash(study.runs)}."
    return lay_out(drawn, words), drawn.alt


if __name__ == "__main__":
    sys.exit(main(picture, __file__, sys.argv[1:]))
