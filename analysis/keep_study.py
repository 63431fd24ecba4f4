"""Keep a finished sweep as a study: python analysis/keep_study.py outputs/NAME

Writes sweeps/NAME/ with the configuration, the results without curves and the machine's name, and
the figure. The words (README.md) and claims (claims.yaml) are for you to write;
`python -m tests.claims` puts the tables into them.
"""

import re
import shutil
import sys
from pathlib import Path

import pyarrow.parquet as pq

SWEEPS = Path(__file__).resolve().parents[1] / "sweeps"

# Where it lay on the machine that trained it, in the configuration that the rows carry.
PLACE = re.compile(rb'"out": "[^"]*"')


def main(arguments: list[str]) -> int:
    if len(arguments) != 1 or not (Path(arguments[0]) / "results.parquet").exists():
        print("usage: python analysis/keep_study.py DIR, of a finished sweep", file=sys.stderr)
        return 2
    source = Path(arguments[0])
    table = pq.read_table(source / "results.parquet")
    kept = [name for name in table.schema.names if not name.startswith("curve.") and name != "host"]
    study = SWEEPS / table["sweep"][0].as_py()
    study.mkdir(exist_ok=True)
    told = {key: PLACE.sub(b'"out": null', text) for key, text in table.schema.metadata.items()}
    table = table.select(kept).replace_schema_metadata(told)
    pq.write_table(table, study / "results.parquet", compression="zstd")
    asked = (source / "sweep.yaml").read_text()
    (study / "sweep.yaml").write_text(re.sub("^out: .*$", "out: null", asked, flags=re.MULTILINE))
    shutil.copyfile(source / "phase_diagram.png", study / "phase_diagram.png")
    print(study)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
