"""Keep a finished sweep as a study: python analysis/keep_study.py DIR [--curves] [--weights]

Writes sweeps/NAME/ with the configuration, the planned runs without the machine's name and the
figure; curves (--curves) and final weights (--weights) only where claims rest on them. A sweep of
which runs are missing, failed or undecided is refused. Where there is no README.md, it is begun
with what the data say; the other words and the claims (claims.yaml) are for you to write.
`python -m tests.claims` then puts the tables into them.
"""

import json
import shutil
import sys
import tempfile
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from phasegrok import InputError, Rule, cells, classify, load
from phasegrok.answers import Asked
from phasegrok.cells import Config
from phasegrok.config import sweeps
from phasegrok.diagram import data_hash, save
from phasegrok.phases import cell_table
from phasegrok.store import Store
from phasegrok.store.schema import CURVES
from phasegrok.store.tables import META, metadata
from phasegrok.store.weights import copy as copy_weights

SWEEPS = Path(__file__).resolve().parents[1] / "sweeps"

WORDS = """\
# {name}

{question}

![Phase diagram](phase_diagram.png)

| phase | cells by majority | runs |
| --- | --- | --- |
{counts}

- **Made by** `python -m phasegrok.sweep +sweep={name}`, at commit {commits} with torch
  {torch}; {steps:,} run-steps in {minutes:.0f} minutes of a worker. Data `{data}`.
- **Figure** again: `python analysis/phase_diagram.py sweeps/{name} sweeps/{name}`.
- **Censored**: memorization means not generalised within {budget:,} steps, not unable to.
"""

# Columns that name the machine that trained, or folders there.
OF_THE_MACHINE = ("host", "reused_from", "kept_weights")
OPTIONS = ("--curves", "--weights")
WEIGHTS = "final"  # the name of their file


def answers(source: Store) -> pa.Table:
    """The rows of the planned runs. InputError if one of them has no answer to what is asked."""
    config, table = source.config(), pq.read_table(source.results_file)
    planned = {run.run_id for run in cells.runs(config)}
    told = Asked.of(config, source).answering(table)
    told = told.filter(pa.array([run in planned for run in told["run_id"].to_pylist()]))
    if lacking := len(planned) - len(told):
        raise InputError(
            f"{source.path}: {lacking} of {len(planned)} planned runs are missing, failed or "
            f"undecided in results.parquet; a study holds all of them. Finish it first: "
            f"python -m phasegrok.sweep +sweep={config['sweep']['name']} out={source.path}"
        )
    return told


def begun(study: Path) -> str:
    """A README.md with what the data say."""
    config, frame = Store(study).config(), load(study / "results.parquet")
    axes = [axis["param"] for axis in cells.axes(config["sweep"]).values()]
    majority: pd.Series = cell_table(frame, axes)["majority"].value_counts()
    counts = frame["phase"].value_counts().items()
    return WORDS.format(
        name=study.name,
        question=dict(sweeps()).get(study.name, ""),
        counts="\n".join(f"| {phase} | {majority.get(phase, 0)} | {n} |" for phase, n in counts),
        commits=", ".join(f"`{commit}`" for commit in frame["commit"].unique()),
        torch=", ".join(frame["torch"].unique()),
        steps=frame["steps"].sum(),
        minutes=frame["seconds"].sum() / 60,
        data=data_hash(frame),
        budget=config["train"]["steps"],
    )


def keep(source: Store, studies: Path, curves: bool = False, weights: bool = False) -> Path:
    """Write the study; its folder."""
    table = answers(source)
    left_out = OF_THE_MACHINE if curves else (*OF_THE_MACHINE, *CURVES)
    kept = [name for name in table.schema.names if name not in left_out]
    study = studies / source.config()["sweep"]["name"]
    study.mkdir(exist_ok=True)
    rows = placeless(table.select(kept))
    if weights:
        copy_weights(source, Store(study), WEIGHTS, rows)
        rows = rows.append_column("kept_weights", pa.array([WEIGHTS] * len(rows)))
    pq.write_table(rows, study / "results.parquet", compression="zstd")
    Store(study).write_config(nowhere(source.config()))
    draw(study)
    if not (study / "README.md").exists():
        (study / "README.md").write_text(begun(study))
    return study


def placeless(table: pa.Table) -> pa.Table:
    """The rows without folders of the machine, in their own configurations and in the sweep's."""
    told = json.loads(table.schema.metadata[META])
    about = metadata({**told, "config": nowhere(told["config"])})
    own = [text and json.dumps(nowhere(json.loads(text)), sort_keys=True)
           for text in table["config"].to_pylist()]  # fmt: skip
    at = table.schema.get_field_index("config")
    table = table.set_column(at, table.schema.field(at), pa.array(own, pa.string()))
    return table.replace_schema_metadata(about)


def nowhere(config: Config) -> Config:
    """The configuration without where anything lies on the machine that trained it."""
    unknown = {"out": None, "reuse": []}
    known = {key: unknown.get(key, value) for key, value in config.items()}
    task = {key: None if key == "path" else value for key, value in config["task"].items()}
    return {**known, "task": task}


def draw(study: Path) -> None:
    """The figure of what is kept; the one that lies beside the sweep may be of older code."""
    config, frame = Store(study).config(), load(study / "results.parquet")
    with tempfile.TemporaryDirectory() as folder:
        save(frame.assign(phase=classify(frame, Rule.of_sweep(config))), config, folder)
        shutil.copyfile(Path(folder) / "phase_diagram.png", study / "phase_diagram.png")


def main(arguments: list[str], studies: Path = SWEEPS) -> int:
    folders = [word for word in arguments if word not in OPTIONS]
    if len(folders) != 1 or not (Path(folders[0]) / "results.parquet").exists():
        print("usage: python analysis/keep_study.py DIR [--curves] [--weights]", file=sys.stderr)
        return 2
    try:
        print(keep(Store(folders[0], own=False), studies, *(one in arguments for one in OPTIONS)))
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
