"""A refined sweep: read results, decide, train what is missing, until nothing is left to split.

All that is known lies in the store: the plan says which run was asked for in which round, the rows
what came of it. So the same command goes on wherever it was stopped, within a round or between
two, and comes to the same cells.
"""

from __future__ import annotations

import math
import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace

from phasegrok import cells, launch, plan
from phasegrok.cells import Config
from phasegrok.errors import OK
from phasegrok.lattice import Lattice
from phasegrok.plan import Plan
from phasegrok.refine import History, Settings, next_round
from phasegrok.words import counted


def run(config: Config, command: Sequence[str] = ()) -> int:
    """Answer a refined sweep, round by round.

    SLURM jobs that are not waited for make up one round; the same command, given again when they
    have ended, decides on the next.

    Args:
        command: the words that, given again, go on with what is left.

    Returns:
        The exit code, as of `phasegrok.launch.run`.
    """
    planned, more = _next(config)
    print("\n".join([plan.describe(planned), *_outlook(planned)]), flush=True)
    if config["dry_run"]:
        if config["launch"]["name"] == "slurm":
            from phasegrok.launch import slurm

            print(slurm.preview(planned))
        return OK
    steps, seconds, problem, before = 0, 0.0, None, None
    with launch.interrupts(config) as interrupted:
        while planned.packs or more:
            if planned.packs and config["launch"].get("wait") is False:
                return launch.submit_and_leave(planned)
            print(_round_line(planned), flush=True)
            progress, problem = launch.train(planned, interrupted)
            if progress.run_steps:
                steps, seconds = steps + progress.run_steps, seconds + progress.seconds()
            left = _left(planned)
            if interrupted.is_set() or problem is not None or (left and left == before):
                break
            before = left
            planned, more = _next(config)
    print("\n".join(_outcome(planned)), flush=True)
    if interrupted.is_set() and not _left(planned):
        print(f"stopped after round {_number(planned)}; go on with:\n  {shlex.join(command)}",
              file=sys.stderr)  # fmt: skip
    rate = f"{steps:,} run-steps in {seconds:,.0f} s, {steps / max(seconds, 1e-9):,.0f} run-steps/s"
    speed = rate if steps else ""
    return launch.last_words(planned, speed, problem, interrupted.is_set(), command)


def restore(config: Config) -> None:
    """Write the plan of the rounds so far anew, with this config."""
    plan.prepare(config, rounds=History.of(plan.store_of(config), config).rounds)


def _next(config: Config) -> tuple[Plan, bool]:
    """The plan with the round that is to train now, and whether there is one."""
    history = History.of(plan.store_of(config), config)
    rounds, new = dict(history.rounds), []
    if history.whole:
        lattice, settings = Lattice.of(config["sweep"]), Settings.of(config)
        new = next_round(history.known, lattice, settings, history.next)
        rounds |= dict.fromkeys(new, history.next)
    return plan.prepare(config, launch.refuse, rounds), bool(new) or not history.whole


def _left(planned: Plan) -> dict[str, int]:
    """The runs of these packs that are without a result, and how often each has failed."""
    unknown = launch.unanswered_ids(planned) - planned.store.given_up(planned.config)
    return {run_id: planned.store.failures(run_id) for run_id in unknown}


# ----------------------------------------------------------------------------------------- words


def _outlook(planned: Plan) -> list[str]:
    """The lattice, and what the whole costs at most."""
    config = planned.config
    lattice, settings = Lattice.of(config["sweep"]), Settings.of(config)
    every = _full(planned)
    most = every if settings.max_runs is None else min(settings.max_runs, every)
    budget = config["train"]["steps"]
    seeds = f"{settings.first} of {counted(len(settings.seeds), 'seed')} first"
    return [
        f"refined: {_by(lattice.start)} cells at first, {_by(lattice.size)} at the finest, {seeds}",
        f"all rounds: at most {most:,} of the {every:,} runs of the full grid, "
        f"{counted(f'{most * budget:,}', 'run-step')}",
    ]


def _round_line(planned: Plan) -> str:
    left = sum(len(pack.runs) for pack in planned.packs)
    asked = f"{len(planned.rounds):,} of {_full(planned):,}"
    return (
        f"round {_number(planned)}: {counted(_of_round(planned), 'run')}, {left} to train; "
        f"asked for so far: {asked} runs"
    )


def _outcome(planned: Plan) -> list[str]:
    """What was asked for of the full grid, and what a cap has left out."""
    config, every = planned.config, _full(planned)
    lattice, settings = Lattice.of(config["sweep"]), Settings.of(config)
    points = len({point for point, _ in planned.rounds})
    lines = [
        f"refined in {counted(_number(planned), 'round')}: {len(planned.rounds):,} runs in "
        f"{points:,} cells; the full grid of {_by(lattice.size)} cells has {every:,} runs, so "
        f"these are {len(planned.rounds) / every:.1%}"
    ]
    if settings.max_runs is not None and len(planned.rounds) >= settings.max_runs:
        history = History.of(planned.store, config)
        free = replace(settings, max_runs=None)
        more = len(next_round(history.known, lattice, free, history.next))
        if more:
            lines.append(
                f"sweep.refine.max_runs = {settings.max_runs} ends it; the next round would have "
                f"{counted(more, 'run')} more"
            )
    return lines


def _by(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]}"


def _number(planned: Plan) -> int:
    return max(planned.rounds.values(), default=0)


def _of_round(planned: Plan) -> int:
    return list(planned.rounds.values()).count(_number(planned))


def _full(planned: Plan) -> int:
    """The runs of the full grid."""
    sweep = planned.config["sweep"]
    return math.prod(Lattice.of(sweep).size) * len(cells.seeds(planned.config))
