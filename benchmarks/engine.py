"""How fast phasegrok trains, beside a plain PyTorch loop and JAX, on this machine.

    python -m benchmarks.engine                        # every case, some minutes each
    python -m benchmarks.engine --cases liu_toy --columns phasegrok loop --rounds 7
    python -m benchmarks.engine --record               # keep the table in benchmarks/results/

The columns are phasegrok through `phasegrok.train` (packed.py; in the lanes that a large sweep
would choose, on a CPU one one-thread process per core, as a local launch has), the loop of
published scripts (plain_loop.py; one run at a time), and JAX (jax_vmap.py); of the other two the
fastest of a few variants, found beforehand. All train the same runs in float32 and evaluate them
equally often. They take turns, a block each, so that a busy machine is busy for all of them; the
table has medians over the rounds, the ratios being taken within a round. Making the runs is timed
for phasegrok and not for the other two.
"""

from __future__ import annotations

import argparse
import os
import shlex
import statistics
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from importlib.util import find_spec
from typing import Any

from benchmarks import machine
from benchmarks.blocks import WARM_STEPS, Answer, Lost, Team
from benchmarks.cases import CASES, EVAL_EVERY, Case, named
from phasegrok import sizing, work
from phasegrok.cells import Run

COLUMNS = ("phasegrok", "loop", "jax")
JAX_LANES = (4, 16, 64)
# Threads of the loop: torch's own choice, and one, with which tiny networks may be faster.
LOOP_THREADS = (None, 1)
# What losses and norms may differ by, relatively, after WARM_STEPS steps in float32.
TOLERANCE = 1e-3
# How long a variant is tried, and what anything may take at most, in seconds.
TRIED_S = 2.0
COMPILE_S, TRIAL_S = 900.0, 240.0

Options = argparse.Namespace
Row = dict[str, Any]
# What a process is told.
Task = Mapping[str, Any]
# By name, each with its number of threads.
Variants = Mapping[str, tuple[Task, int | None]]


def main(arguments: Sequence[str] | None = None) -> list[Row]:
    given = list(sys.argv[1:] if arguments is None else arguments)
    options = _parser().parse_args(given)
    if options.quick:
        options.rounds, options.seconds = 1, 0.2
    if "jax" in options.columns and not find_spec("jax"):
        tell("jax is not installed: its column is empty")
        options.columns = [column for column in options.columns if column != "jax"]
    if (load := os.getloadavg()[0]) > 0.5:
        tell(f"this machine is busy (load {load:.1f}): no figures to keep, and the loop, which "
             "takes all cores, suffers most")  # fmt: skip
    rows = [measured(case, options) for case in named(options.cases)]
    print(table(rows))
    if options.record:
        command = shlex.join(["python", "-m", "benchmarks.engine", *given])
        name = f"engine-{machine.slug(gpu=options.device == 'cuda')}"
        tell(f"recorded in {machine.record(name, rows, command)}")
    return rows


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    keys = [case.key for case in CASES]
    parser.add_argument("--cases", nargs="+", choices=keys, metavar="CASE", help=", ".join(keys))
    parser.add_argument("--columns", nargs="+", choices=COLUMNS, default=list(COLUMNS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5.0, help="about so long is a block")
    parser.add_argument("--lanes", type=int, help="of phasegrok; without, its own choice")
    faster = "of the loop; without, the faster of torch's default and 1"
    parser.add_argument("--loop-threads", type=int, help=faster)
    parser.add_argument("--device", choices=("cpu", "cuda"), default=_device())
    parser.add_argument("--record", action="store_true", help="write benchmarks/results/")
    parser.add_argument(
        "--quick", action="store_true", help="tiny, eager, one round: does it run? no figures"
    )
    return parser


# ------------------------------------------------------------------------------------ one case


def measured(case: Case, options: Options) -> Row:
    """One line of the table."""
    with ExitStack() as stack:
        tell(f"{case.title}: warming up")
        teams, ready = _teams(case, options, stack)
        deviation = _deviation({column: ready[column]["seen"] for column in teams})
        steps = {column: _block_steps(teams[column], options.seconds) for column in teams}
        peak = stack.enter_context(_peak(options))
        peak.warm(COMPILE_S)
        rounds: list[dict[str, Answer]] = []
        for number in range(options.rounds):
            answers = {column: teams[column].block(steps[column]) for column in teams}
            rounds.append(answers | {"peak": peak.block(0)})
            told = ", ".join(f"{c} {_rate(answers[c]):,.0f}/s" for c in teams)
            tell(f"  round {number + 1} of {options.rounds}: {told}")
    row: Row = {"case": case.key, "title": case.title, "device": options.device,
                "eval_every": EVAL_EVERY, "rounds": options.rounds,
                "largest_deviation": deviation}  # fmt: skip
    for column in teams:
        rate = statistics.median(_rate(answers[column]) for answers in rounds)
        of_run = {"steps": steps[column], "runs": ready[column]["runs"]}
        row[column] = {"run_steps_per_s": rate, **of_run, **ready[column]["told"]}
    if "phasegrok" in teams:
        row |= _compared(rounds, _flop(case, options, steps["phasegrok"]))
    return row


def _flop(case: Case, options: Options, steps: int) -> float:
    """Operations of a run-step's matrix products, with its share of the evaluations."""
    known = work.of_run(_a_run(case, options).config)
    assert known is not None
    return known.step + known.evaluation * (steps // EVAL_EVERY + 1) / steps


def _compared(rounds: Sequence[Mapping[str, Answer]], flop: float) -> Row:
    """phasegrok beside the others and beside the machine, given the operations of a run-step."""
    row: Row = {}
    ours = [_rate(answers["phasegrok"]) for answers in rounds]
    for other in ("loop", "jax"):
        if other in rounds[0]:
            ratios = [rate / _rate(a[other]) for rate, a in zip(ours, rounds, strict=True)]
            row[f"over_{other}"] = statistics.median(ratios)
    peaks = [answers["peak"]["flop_per_s"] / 1e9 for answers in rounds]
    gflops = [rate * flop / 1e9 for rate in ours]
    shares = [rate / peak for rate, peak in zip(gflops, peaks, strict=True)]
    return row | {
        "gflops": statistics.median(gflops),
        "peak_gflops": statistics.median(peaks),
        "share_of_peak": statistics.median(shares),
    }


def _rate(answer: Answer) -> float:
    return answer["run_steps"] / answer["seconds"]


def _deviation(seen: Mapping[str, Mapping[str, float]]) -> float:
    """The largest relative difference between two columns in what they computed warming up."""
    quantities = ("train_loss", "val_loss", "weight_norm")
    found = 0.0
    for values in ([of[name] for of in seen.values()] for name in quantities):
        found = max(found, (max(values) - min(values)) / max(map(abs, values)))
    if not found < TOLERANCE:
        raise SystemExit(f"the columns do not compute the same after {WARM_STEPS} steps: {seen}")
    return found


def _block_steps(team: Team, seconds: float) -> int:
    """How many steps of every run fill a block of so many seconds."""
    steps = EVAL_EVERY
    while True:
        took = team.block(steps)["seconds"]
        wanted = max(round(steps * seconds / took / EVAL_EVERY), 1) * EVAL_EVERY
        if wanted < 3 * steps:
            return wanted
        steps = min(wanted, 10 * steps)


# ----------------------------------------------------------------------------------- the teams


def _teams(
    case: Case, options: Options, stack: ExitStack
) -> tuple[dict[str, Team], dict[str, Answer]]:
    """The columns, warmed up, with what they said then; one that cannot run is left out."""
    teams: dict[str, Team] = {}
    ready: dict[str, Answer] = {}
    # phasegrok comes last: on a GPU it takes most of the memory that it finds.
    for column in sorted(options.columns, key=COLUMNS.index, reverse=True):
        try:
            team = stack.enter_context(_team(column, case, options))
            ready[column] = team.warm(COMPILE_S)
            teams[column] = team
        except Lost as lost:
            if column != "jax":
                raise
            tell(f"  no jax column: {lost}")
    return {column: teams[column] for column in COLUMNS if column in teams}, ready


def _team(column: str, case: Case, options: Options) -> Team:
    """The processes of a column, started."""
    task: Task = {"column": column, "case": case.key, "quick": options.quick,
                  "device": options.device, "first": 0, "runs": 1,
                  "warm_steps": WARM_STEPS}  # fmt: skip
    if column == "phasegrok":
        runs = options.lanes or lanes_of_a_sweep(_a_run(case, options), options.device)
        task = {**task, "runs": runs, "compiled": not options.quick}
        tasks = [{**task, "first": number * runs} for number in range(_processes(options))]
        return Team(tasks, threads=1)
    variants = _loops(task, options) if column == "loop" else _jaxes(task, case, options)
    task, threads = _fastest(variants)
    return Team([task], threads=threads)


def lanes_of_a_sweep(run: Run, device: str) -> int:
    """How many lanes `lanes="auto"` gives a sweep of very many runs like this one, compiled."""
    config = {"train": {"lanes": "auto"}, "launch": {"device": device}}
    return sizing.lanes(config, [[run] * sizing.MOST_RUNS_IN_A_PACK], compiled=True)


def _loops(task: Task, options: Options) -> Variants:
    """The loop with each number of threads."""
    counts = (options.loop_threads,) if options.loop_threads else LOOP_THREADS
    return {f"loop, threads: {count or 'default'}": (task, count) for count in counts}


def _jaxes(task: Task, case: Case, options: Options) -> Variants:
    """JAX with each way of reading tables and each number of lanes."""
    both = case.config()["model"]["name"] != "vector_mlp"  # vectors have no table to read
    return {
        f"jax {tables} x {lanes}": ({**task, "tables": tables, "runs": lanes}, None)
        for tables in (("gather", "onehot") if both else ("gather",))
        for lanes in (JAX_LANES[:1] if options.quick else JAX_LANES)
    }


def _fastest(variants: Variants) -> tuple[Task, int | None]:
    """The fastest, each tried for a moment; one that cannot run is left out."""
    rates: dict[str, float] = {}
    reason = ""
    for name, (task, threads) in variants.items():
        try:
            rates[name] = _tried({**task, "warm_steps": EVAL_EVERY}, threads)
            tell(f"  {name}: {rates[name]:,.0f}/s")
        except Lost as lost:
            reason = str(lost)
            tell(f"  {name}: {reason}")
    if not rates:
        raise Lost(reason)
    return variants[max(rates, key=rates.__getitem__)]


def _tried(task: Task, threads: int | None) -> float:
    """Run-steps a second after warming up: the best of a few moments."""
    steps, spent, rates = EVAL_EVERY, 0.0, []
    with Team([task], threads=threads) as team:
        team.warm(TRIAL_S)
        while spent < TRIED_S:
            answer = team.block(steps, TRIAL_S)
            spent += answer["seconds"]
            rates.append(_rate(answer))
            steps *= 4 if answer["seconds"] < TRIED_S / 4 else 1
    return max(rates)


def _peak(options: Options) -> Team:
    task = {"column": "peak", "device": options.device}
    return Team([task] * _processes(options), threads=1)


def _processes(options: Options) -> int:
    """One per core, or one on the GPU."""
    return machine.cores() if options.device == "cpu" else 1


def _a_run(case: Case, options: Options) -> Run:
    return case.runs(1, quick=options.quick)[0]


# ------------------------------------------------------------------------------- what is shown


def table(rows: Sequence[Row]) -> str:
    """The rows as text; run-steps a second, medians."""
    head = (f"{'run-steps/s':<44} {'phasegrok':>9} {'loop':>9} {'jax':>9}  {'/loop':>6} {'/jax':>6}"
            f" {'GFLOP/s':>8} {'of peak':>8}   lanes, jax")  # fmt: skip
    return "\n".join([head, *map(_line, rows)])


def _line(row: Row) -> str:
    rates = (_number(row.get(column, {}).get("run_steps_per_s"), 9, ",.0f") for column in COLUMNS)
    ratios = (_number(row.get(f"over_{other}"), 6, ".1f") for other in ("loop", "jax"))
    jax, lanes = row.get("jax"), row.get("phasegrok", {}).get("lanes", "")
    variant = f"{jax['tables']} x {jax['lanes']}" if jax else "-"
    return (
        f"{row['title']:<44} {' '.join(rates)}  {' '.join(ratios)} "
        f"{_number(row.get('gflops'), 8, ',.0f')} {_number(row.get('share_of_peak'), 8, '.0%')}"
        f"   {lanes}, {variant}"
    )


def _number(value: float | None, width: int, form: str) -> str:
    return "-".rjust(width) if value is None else format(value, form).rjust(width)


def tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _device() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


if __name__ == "__main__":
    main()
