"""What a figure says below itself: caption, rule, alternative text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from phasegrok import cells
from phasegrok.frames.grid import Axis, phase_counts
from phasegrok.frames.words import label, value_text
from phasegrok.lattice import Lattice
from phasegrok.phases import FINAL_ACCURACY, Rule
from phasegrok.tasks import operations
from phasegrok.words import counted, counted_range

Config = Mapping[str, Any]

# Values at which a setting does nothing; the caption leaves them out.
_NEUTRAL = {
    "task.pairs": "ordered",
    "task.label_noise": 0,
    "optim.momentum": 0,
    "optim.warmup_steps": 0,
    "optim.eps": 1e-8,
}


def caption(
    frame: pd.DataFrame,
    config: Config,
    data_hash: str = "",
    *,
    shows: str = "",
    at: Mapping[str, Any] | None = None,
    rule: str | None = None,
    judged: int | None = None,
) -> str:
    """What the figure cannot show: fixed parameters, seeds, budget, rule and the data's hash.

    Args:
        frame: the runs drawn, with `seed`, and `status` if there is one.
        config: the composed config of the sweep.
        shows: what the figure shows of the runs; "" stands for the majority phase.
        at: swept keys of which the figure shows one value.
        rule: what the runs are judged by, if it is not the rule of the config; "": nothing.
        judged: the budget that they are judged by, if it is not that of the config.
    """
    budget = config["train"]["steps"]
    fixed = (
        ", ".join(f"{_short(key)} = {value_text(value, key)}" for key, value in at.items())
        if at
        else ""
    )
    if rule is None:
        rule = rule_text(Rule.from_config(config["phase"]), budget)
    budget_text = f"Budget {counted(budget, 'step')}"
    if rule and judged not in (None, budget):
        budget_text += f", judged as if it were {judged}"
    sentences = [
        asked_text(config),
        f"Here {fixed}." if fixed else "",
        f"{budget_text}, {_runs(frame, shows.rstrip('.'))}.",
        _refined(frame, config),
        rule,
        f"Data {data_hash}." if data_hash else "",
    ]
    return " ".join(sentence for sentence in sentences if sentence)


def asked_text(config: Config) -> str:
    """The sweep's name, what is the same in every cell, and which axes move together."""
    sweep = config["sweep"]
    return " ".join([f"{sweep['name']}: {_fixed(config)}.", *_paired(sweep)])


def apart_text(frame: pd.DataFrame, config: Config, first: Config) -> str:
    """What a second sweep has of its own beside a first one: budget, runs, other settings.

    Args:
        frame: its runs drawn; config: its composed config; first: that of the other one.
    """
    mine, theirs = _settings(config), _settings(first)
    swept = {axis["param"] for of in (config, first) for axis in cells.axes(of["sweep"]).values()}
    apart = [
        f"{_short(key)} = {value_text(value, key)}"
        for key, value in mine.items()
        if key not in swept and theirs.get(key) != value
    ]
    budget, runs = counted(config["train"]["steps"], "step"), counted(len(frame), "run")
    others = ", ".join(apart) or "all else as in the first"
    return f"budget {budget}, {runs} of {_seeds(frame)}, {others}"


def _settings(config: Config) -> dict[str, Any]:
    """All that makes a run, by dotted key, but its seed and what is not in its id."""
    made = {**cells.run_config(config), "split_seed": config.get("split_seed")}
    return {
        key: None if cells.unset(key, value) else value
        for key, value in cells.leaves(made)
        if key not in cells.NOT_IN_ID
    }


def rule_text(rule: Rule, budget: int, varied: str = "") -> str:
    """The phase rule in words: of what it reads, and what makes each phase.

    First crossing says that memorization is censored, final accuracies which table row is asked
    first.

    Args:
        varied: what differs from map to map and stands above each: "budget", "gap", "accuracy".
    """
    above = f"the {varied} above each map"
    train, val = _crossed("train", rule), _crossed("val", rule)
    crossed = f"fitted and generalised at {above}" if varied == "accuracy" else f"{train}, {val}"
    if rule.name == FINAL_ACCURACY:
        return _final_text(rule, crossed, budget)
    gap = above if varied == "gap" else counted(rule.gap_steps(budget), "step")
    within = above if varied == "budget" else counted(budget, "step")
    return (
        f"First crossing: {crossed}. Grokking: generalised {gap} or more after fitting. "
        f"Memorization: fitted, even if it collapsed later, and not generalised within {within} "
        "(censored)."
    )


def _final_text(rule: Rule, crossed: str, budget: int) -> str:
    return (
        f"Final accuracies, at step {budget}: {crossed}. Coexistence: fitted and generalised. "
        "Inversion: generalised, not fitted; full at a training accuracy below "
        f"{1 + rule.slack:g} − label noise, else partial. Memorization: fitted, not generalised. "
        "Forgetting: neither, but had generalised before. Confusion: neither, and never had "
        "generalised. A diverged run has neither."
    )


def second_rule_text(rule: Rule, budget: int) -> str:
    """What the same rule means within another budget, that of a second sweep."""
    if rule.name == FINAL_ACCURACY:
        return f"In the second: at step {budget}."
    gap, within = (counted(n, "step") for n in (rule.gap_steps(budget), budget))
    return f"In the second: {gap} or more after fitting, within {within}."


def steps_rule_text(of: str, rule: Rule, budget: int) -> str:
    """By which rule steps are counted, those `of` "train", "val", or "delay" between them."""
    sides = ("train", "val") if of == "delay" else (of,)
    crossed = ", ".join(_crossed(side, rule) for side in sides)
    return f"First crossing: {crossed}; what comes later than step {budget} is censored."


def _crossed(side: str, rule: Rule) -> str:
    if side == "train":
        return f"fitted at training accuracy ≥ {rule.train_accuracy:g}"
    return f"generalised at validation accuracy ≥ {rule.val_accuracy:g}"


def alt_text(runs: int, axes: Mapping[str, Axis], full: pd.DataFrame) -> str:
    """The phase diagram for a reader who cannot see it: what is drawn over what, and the counts."""
    counts = ", ".join(f"{count} {name}" for name, count in phase_counts(full).items())
    size = f"{counted(len(full), 'cell')}, {counted(runs, 'run')}"
    return f"Phase diagram over {spans_text(axes)}. {size}. Cells: {counts}."


def span_text(values: pd.Series) -> str:
    """From the smallest to the largest, to two places."""
    return f"{values.min():.2f} to {values.max():.2f}" if values.notna().any() else "unknown"


def undecided_text(full: pd.DataFrame) -> str:
    """Why cells with undecided seeds have no shares, as what follows a clause; "" without any."""
    count = len(full.loc[full["undecided"] > 0])
    if not count:
        return ""
    return (
        f". In {count} of {len(full)} cells the runs do not tell the phase of every seed: they "
        "have no shares, for which seeds are told depends on the phase"
    )


def spans_text(axes: Mapping[str, Axis]) -> str:
    """The axes of a figure in words, each from its first value to its last."""
    return "; ".join(
        f"{label(axis.key)} from {value_text(axis.values[0], axis.key)} "
        f"to {value_text(axis.values[-1], axis.key)}"
        for axis in axes.values()
    )


def _fixed(config: Config) -> str:
    """The parameters that are the same in every cell, named by part: task, model, optimiser."""
    swept = {axis["param"] for axis in cells.axes(config["sweep"]).values()}
    parts = [_part(config, part, swept) for part in ("task", "model", "optim")]
    train = {f"train.{key}": config["train"].get(key) for key in ("loss", "batch_size", "dtype")}
    words = [
        "full batch" if value is None else f"batches of {value}" if "batch" in key else str(value)
        for key, value in train.items()
        if key not in swept
    ]
    return ", ".join([*parts, *words])


def _part(config: Config, part: str, swept: set[str]) -> str:
    """One part by its name, in brackets what else makes a run; a task is named by its operation."""
    title = f"{part}.operation" if config[part].get("operation") else f"{part}.name"
    unnamed = {*swept, title, f"{part}.name", *cells.NOT_IN_ID}
    settings = [
        f"{_word(key, config)} = {value_text(value, key)}"
        for key, value in cells.leaves(config[part], part)
        if key not in unnamed and _tells(key, value)
    ]
    name = f"any {label(title)}" if title in swept else str(cells.lookup(config, title))
    return f"{name} ({', '.join(settings)})" if settings else name


def _word(key: str, config: Config) -> str:
    """What the caption calls a fixed parameter; p is a modulus for the built-in operations only."""
    return "modulus p" if key == "task.p" and _modular(config) else _short(key)


def _modular(config: Config) -> bool:
    """Whether all operations of a sweep work modulo p, which a user's own may not."""
    asked = [config["task"].get("operation")]
    for axis in cells.axes(config["sweep"]).values():
        if axis["param"] == "task.name":
            return False
        if axis["param"] == "task.operation":
            asked = cells.axis_values(axis)
    return all(name in operations.names() and operations.find(name).built_in for name in asked)


def _tells(key: str, value: Any) -> bool:
    """Whether a reader misses something if this setting is not named."""
    nothing = cells.unset(key, value) or value == []
    return not (nothing or (key in _NEUTRAL and value == _NEUTRAL[key]))


def _short(key: str) -> str:
    """The label without its unit; an unknown key without its first part, which stands before it."""
    known = label(key)
    return key.split(".", 1)[1] if known == key else known.split(" (")[0]


def _paired(sweep: Config) -> list[str]:
    """One sentence for each group of axes that move together."""
    sentences = []
    for group in cells.zipped(sweep):
        if len(group) > 1:
            lists = [
                f"{_short(axis['param'])} {', '.join(map(value_text, cells.axis_values(axis)))}"
                for axis in (sweep[name] for name in group)
            ]
            sentences.append(f"Paired: {' with '.join(lists)}.")
    return sentences


def _refined(frame: pd.DataFrame, config: Config) -> str:
    """Of a refined map, what a full grid would have taken; "" of any other."""
    sweep = config["sweep"]
    if sweep.get("refine") is None:
        return ""
    keys = [axis["param"] for axis in cells.axes(sweep).values()]
    grouped = frame.groupby([key for key in keys if key in frame], dropna=False)
    each = grouped["seed"].size().to_numpy()
    drawn, runs = len(each), counted_range(int(each.min()), int(each.max()), "run")
    width, height = Lattice.of(sweep).size
    every = width * height * len(cells.seeds(config))
    return (
        f"Refined: {drawn:,} of {width * height:,} cells ({width} × {height}) were trained, with "
        f"{runs} each, and are drawn as large as they stand for; the full grid has {every:,} runs."
    )


def _runs(frame: pd.DataFrame, shows: str = "") -> str:
    count, of, majority = counted_text(frame)
    if shows:
        return f"{count} of {of}; {shows}"
    return f"{count}; cells (counted in the legend) show {majority}"


def counted_text(frame: pd.DataFrame) -> tuple[str, str, str]:
    """How many runs there are, of which seeds, and what a phase map shows of these."""
    failed = frame["status"].tolist().count("failed") if "status" in frame else 0
    count = counted(len(frame), "run") + (f" ({failed} failed)" if failed else "")
    of = _seeds(frame)
    return count, of, f"the majority of {of}" if of.startswith("seeds") else of


def _seeds(frame: pd.DataFrame) -> str:
    seeds = sorted({int(seed) for seed in frame["seed"].tolist()})
    return f"seed {seeds[0]}" if len(seeds) == 1 else f"seeds {_ranges(seeds)}"


def _ranges(numbers: Sequence[int]) -> str:
    """0, 1, 2, 7 as "0–2, 7"."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(f"{run[0]}–{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)
