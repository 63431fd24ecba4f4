"""How much data it takes: python analysis/data_efficiency.py STUDY [FOLDER]

Draws data_efficiency.png, the kind of figure 1 (centre) of Power et al. 2022 (2201.02177): median
steps to the validation accuracy of the sweep's rule against the training fraction, a line for each
value of the other axis. `phasegrok plot DIR --kind efficiency` draws the same; this is one to copy
and change.
"""

import sys
from dataclasses import replace

from study import Study, main

from phasegrok.diagram import Picture
from phasegrok.diagram.kinds import efficiency


def picture(study: Study) -> Picture:
    return efficiency(replace(study.asked, accuracy=study.rule.val_accuracy))


if __name__ == "__main__":
    sys.exit(main(picture, __file__, sys.argv[1:]))
