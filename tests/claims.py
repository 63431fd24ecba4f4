"""What a study claims, whether its data bear it out, and the tables that say so.

A study is a folder of sweeps/. Its claims.yaml states each claim: its source, the value `published`
there (or `reference`, one that nobody published), the tolerance and the function of claim_values.py
that computes ours.

    python -m tests.claims        writes the tables of sweeps/README.md and of every study's README
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from phasegrok import load
from phasegrok.config import sweeps
from tests import claim_values

SWEEPS = Path(__file__).resolve().parents[1] / "sweeps"

# A table stands between these lines of a README, which are comments to a reader's eye.
BEGIN, END = "<!-- {}: written by python -m tests.claims -->", "<!-- end -->"

# How a claim says what agrees: the words of the table, and the test.
TOLERANCES = {
    "at_least": ("≥ {}", lambda value, bound: value >= bound),
    "at_most": ("≤ {}", lambda value, bound: value <= bound),
    "equals": ("{}", lambda value, bound: value == bound),
}
EXPECTED = {"published", "reference"}
"""A claim has one of the two."""

KEYS = {"id", "statement", "source", "value", "options", "revised", *EXPECTED, *TOLERANCES}
"""`revised`: what was changed of the claim after its result was known, and why."""


@dataclass(frozen=True)
class Study:
    """A kept answer."""

    folder: Path

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def readme(self) -> Path:
        return self.folder / "README.md"

    @cached_property
    def frame(self) -> pd.DataFrame:
        """One row per run, with curves where the study has kept them."""
        return load(self.folder / "results.parquet", curves=True)

    @cached_property
    def config(self) -> dict[str, Any]:
        return yaml.safe_load((self.folder / "sweep.yaml").read_text())

    @cached_property
    def stated(self) -> dict[str, Any]:
        """claims.yaml: when the tolerances were `fixed`, and the `claims`."""
        return yaml.safe_load((self.folder / "claims.yaml").read_text())

    @cached_property
    def results(self) -> list[Result]:
        return [judged(claim, self) for claim in self.stated["claims"]]


@dataclass(frozen=True)
class Result:
    """A claim with our value."""

    claim: Mapping[str, Any]
    value: Any

    @property
    def agrees(self) -> bool:
        if isinstance(self.value, float) and math.isnan(self.value):
            return False
        return all(
            holds(self.value, self.claim[key])
            for key, (_, holds) in TOLERANCES.items()
            if key in self.claim
        )

    @property
    def verdict(self) -> str:
        return "agrees" if self.agrees else "**disagrees**"

    @property
    def revised(self) -> bool:
        return "revised" in self.claim

    @property
    def tolerance(self) -> str:
        words = (word.format(self.claim[key]) for key, (word, _) in TOLERANCES.items()
                 if key in self.claim)  # fmt: skip
        return ", ".join(words)


def judged(claim: Mapping[str, Any], study: Study) -> Result:
    """Compute what a claim is about from the study's data."""
    compute = claim_values.VALUES[claim["value"]]
    return Result(claim, compute(study.folder, study.frame, **claim.get("options", {})))


def studies() -> list[Study]:
    """Those with data; of others the claims alone are stated yet."""
    return [study for study in claimed() if (study.folder / "results.parquet").exists()]


def claimed() -> list[Study]:
    return [Study(path) for path in sorted(SWEEPS.iterdir()) if path.is_dir()]


# ----------------------------------------------------------------------------------------- tables


def told(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


UNPUBLISHED = (
    "A value marked (reference) was not published: it is of a plain NumPy computation of our own."
)


def expected(claim: Mapping[str, Any]) -> str:
    """The value that a claim is compared with, and whether it was published."""
    if "published" in claim:
        return told(claim["published"])
    return f"{told(claim['reference'])} (reference)"


def claims_table(study: Study) -> str:
    """The claims of a study as a Markdown table."""
    lines = ["| claim | source | published | here | agrees if | verdict |", "| --- " * 6 + "|"]
    for result in study.results:
        claim = result.claim
        cells = (claim["statement"], claim["source"], expected(claim))
        verdict = f"{result.verdict}, revised" if result.revised else result.verdict
        cells += (told(result.value), result.tolerance, verdict)
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", f"Tolerances were fixed {study.stated['fixed']}."]
    if any("reference" in claim for claim in study.stated["claims"]):
        lines[-1] += f" {UNPUBLISHED}"
    notes = [result.claim for result in study.results if result.revised]
    if notes:
        lines += ["", "Revised after the results were known:", ""]
        lines += [f"- {claim['statement']} *{claim['revised']}*" for claim in notes]
    return "\n".join(lines)


def disagreements_table(study: Study) -> str:
    """The cells that are not the published ones, in phase or by more than 2 % of a step."""
    steps = [f"{side}{key}" for side in ("published.", "") for key in ("train_step", "val_step")]
    lines = ["| learning rate | decay | published: phase, train, val | here | trained plainly |"]
    lines.append("| --- " * 5 + "|")
    for cell, row in claim_values.disagreements(study.folder, study.frame).iterrows():
        lr, decay = str(cell).split("/")
        train, val, our_train, our_val = (step_words(row[name]) for name in steps)
        cells = (lr, decay, f"{row['published.phase']}, {train}, {val}")
        ours = f"{row['phase']}, {our_train}, {our_val}" if row["known"] else "no result"
        cells += (ours, rounding_words(study, str(cell)))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def rounding_words(study: Study, cell: str) -> str:
    """What plain trainings of a cell that differ in rounding alone give."""
    replays = claim_values.replays(study.folder)
    if cell not in replays.index:
        return "not yet"
    return "; ".join(f"{row.way}: {_came_out(row)}" for row in replays.loc[[cell]].itertuples())


def _came_out(row: Any) -> str:
    """One without a phase was stopped on purpose once it had fitted."""
    if pd.isna(row.phase):
        return f"fitted at {step_words(row.train_step)}, not followed further"
    return f"{row.phase}, {step_words(row.train_step)}, {step_words(row.val_step)}"


def step_words(step: Any) -> str:
    return "never" if math.isnan(step) else f"{step:.0f}"


def studies_table() -> str:
    """All studies as a Markdown table, also those that have not been run."""
    questions, run = dict(sweeps()), {study.name for study in studies()}
    lines = ["| study | question | runs | claims that agree |", "| --- " * 4 + "|"]
    for study in claimed():
        question = questions[study.name].partition("?")[0] + "?"
        if study.name not in run:
            stated = f"[{len(study.stated['claims'])} stated]({study.name}/claims.yaml)"
            lines.append(f"| {study.name} | {question} | not run yet | {stated} |")
            continue
        agree = sum(result.agrees for result in study.results)
        revised = sum(result.revised for result in study.results)
        after = f", {revised} revised after the run" if revised else ""
        if not study.stated["fixed"].startswith("before"):
            after += f", fixed {study.stated['fixed'].partition(',')[0]}"
        lines.append(
            f"| [{study.name}]({study.name}/README.md) | {question} | {len(study.frame)} "
            f"| {agree} of {len(study.results)}{after} |"
        )
    return "\n".join(lines)


def block(name: str, table: str) -> str:
    return f"{BEGIN.format(name)}\n{table}\n{END}"


def blocks() -> list[tuple[Path, str]]:
    """Every README with a block that it has to hold."""
    found = [(SWEEPS / "README.md", block("studies", studies_table()))]
    for study in studies():
        found.append((study.readme, block("claims", claims_table(study))))
        if any(claim["value"] == "phase_agreement" for claim in study.stated["claims"]):
            found.append((study.readme, block("disagreements", disagreements_table(study))))
    return found


def filled(page: str, text: str) -> str:
    """The page with this block in the place of the old one, or at its end if it has none."""
    before, begin, rest = page.partition(text.partition("\n")[0])
    return before + text + rest.partition(END)[2] if begin else f"{page}\n{text}\n"


def main() -> None:
    for path, text in blocks():
        path.write_text(filled(path.read_text(), text))


if __name__ == "__main__":
    main()
