"""The phase diagram of a sweep, drawn again from its results: python analysis/phase_diagram.py DIR

DIR is the directory of a finished or running sweep. `phasegrok plot DIR` draws the same figure
there; this script is one to copy and change. It reads the results, which are Parquet, decides the
phases and draws with four calls of the library, and may write to a folder of its own, named by a
second argument.
"""

import sys
from pathlib import Path

import phasegrok
from phasegrok.diagram import save
from phasegrok.store import Store


def main(arguments: list[str]) -> int:
    if len(arguments) not in (1, 2):
        print("usage: python analysis/phase_diagram.py DIR [FOLDER]", file=sys.stderr)
        return 2
    try:
        config = Store(arguments[0]).config()
        frame = phasegrok.load(arguments[0])
        # What sweep.yaml says decides, also over rows of an older rule or a smaller budget.
        rule = phasegrok.Rule.of_sweep(config)
        frame = frame.assign(phase=phasegrok.classify(frame, rule))
        paths = save(frame, config, Path(arguments[-1]))
    except phasegrok.InputError as error:
        print(error, file=sys.stderr)
        return 2
    print(*paths, sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
