"""What limits the engine on a CPU core: where an update's time goes, and how fast its matrix
products are beside the best that the core does.

    python -m benchmarks.limits                                  # quadratic97
    python -m benchmarks.limits --cases quadratic97 transformer113 --record

torch's profiler watches compiled updates in one process of one thread. Every matrix product that
it sees is then done alone, taking turns with the square product that counts as the peak. So a line
tells how fast a product is in the update and alone, and what share of the time it takes; the
`bound` is the share of the peak that an update would reach if its products, as fast as they are
alone, were all that took time.
"""

from __future__ import annotations

import argparse
import math
import shlex
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch._inductor import config as inductor
from torch.profiler import ProfilerActivity, profile

from benchmarks import machine
from benchmarks.cases import CASES, Case, named
from benchmarks.engine import lanes_of_a_sweep
from phasegrok.engine import Mode, cpu_numerics, prepare
from phasegrok.engine.lanes import Lanes
from phasegrok.engine.step import unguarded

PRODUCTS = ("aten::bmm", "aten::mm")
KERNELS = "cpp_fused"  # in the name of every kernel that torch.compile makes
SQUARE = 1024
# Updates are watched for so long in all; a product is done alone so long, so often.
WATCHED_S, ALONE_S, ROUNDS = 3.0, 0.05, 15

Row = dict[str, Any]


def main(arguments: Sequence[str] | None = None) -> list[Row]:
    given = list(sys.argv[1:] if arguments is None else arguments)
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    keys = [case.key for case in CASES]
    parser.add_argument("--cases", nargs="+", choices=keys, default=["quadratic97"])
    parser.add_argument("--record", action="store_true", help="write benchmarks/results/")
    parser.add_argument("--quick", action="store_true", help="tiny and short: does it run?")
    options = parser.parse_args(given)
    with cpu_numerics():
        rows = [measured(case, quick=options.quick) for case in named(options.cases)]
    print("\n\n".join(map(shown, rows)))
    if options.record:
        command = shlex.join(["python", "-m", "benchmarks.limits", *given])
        path = machine.record(f"limits-{machine.slug(gpu=False)}", rows, command)
        print(f"recorded in {path}", file=sys.stderr)
    return rows


def measured(case: Case, *, quick: bool) -> Row:
    """The parts of an update of all lanes; times are processor seconds of one update."""
    update = _update(case, quick)
    with unguarded():
        parts = _watched(update, WATCHED_S / 100 if quick else WATCHED_S)
        products = [part for part in parts if "shapes" in part]
        seconds, peak = _timed(update, products, 1 if quick else ROUNDS)
    flop = sum(part["flop"] for part in products)
    alone = sum(part["flop"] / part["alone_flop_per_s"] for part in products)
    for part in parts:
        part["seconds"] = part["share"] * seconds
    return {
        "case": case.key, "title": case.title, "seconds": seconds, "parts": parts,
        "peak_gflops": peak / 1e9, "share_of_peak": flop / seconds / peak,
        "bound": flop / alone / peak,
    }  # fmt: skip


def _update(case: Case, quick: bool) -> Callable[[], None]:
    """An update of all lanes, compiled, in as many lanes as a sweep would have."""
    width = lanes_of_a_sweep(case.runs(1, quick=quick)[0], "cpu")
    runs = case.runs(width, quick=quick)
    inductor.cpp.enable_kernel_profile = True  # else the profiler does not see what it compiles
    lanes = Lanes(prepare(runs[0]), Mode(width, compiled=True))
    for lane, run in enumerate(runs):
        lanes.fill(lane, prepare(run))
    lanes.advance(2)
    return lambda: lanes._train(1)  # what `advance` does, without the evaluation behind it


def _watched(update: Callable[[], None], seconds: float) -> list[Row]:
    """The parts of an update, with their shares of its time, the longest first."""
    count = max(int(seconds / _seconds(update, seconds / 3)), 1)
    with profile(activities=[ProfilerActivity.CPU], record_shapes=True) as seen:
        began = time.process_time()
        for _ in range(count):
            update()
        spent = time.process_time() - began
    kernels: Row = {"name": "compiled kernels", "calls": 0.0, "share": 0.0}
    products: list[Row] = []
    for event in seen.key_averages(group_by_input_shape=True):
        calls, share = event.count / count, event.self_cpu_time_total / 1e6 / spent
        if event.key in PRODUCTS:
            shapes = event.input_shapes[:2]
            products.append({"name": "product", "shapes": shapes, "calls": calls,
                             "share": share, "flop": calls * _flop(*shapes)})  # fmt: skip
        elif KERNELS in event.key:
            kernels["calls"] += calls
            kernels["share"] += share
    parts = sorted([*products, kernels], key=lambda part: -part["share"])
    rest = 1 - sum(part["share"] for part in parts)
    return [*parts, {"name": "the rest", "calls": 1.0, "share": rest}]


def _flop(left: Sequence[int], right: Sequence[int]) -> int:
    """Of the product of two matrices, or of two stacks of them."""
    return 2 * math.prod(left) * right[-1]


def _timed(update: Callable[[], None], products: Sequence[Row], rounds: int) -> tuple[float, float]:
    """Seconds of the update and the rate of the square product; each product is told its own rate.

    All take turns, and the medians count.
    """
    calls = [_product(*part["shapes"]) for part in products]
    calls += [_product([SQUARE, SQUARE], [SQUARE, SQUARE]), update]
    found: list[list[float]] = [[] for _ in calls]
    for _ in range(rounds):
        for call, times in zip(calls, found, strict=True):
            times.append(_seconds(call, ALONE_S))
    *each, square, took = (statistics.median(times) for times in found)
    for part, alone in zip(products, each, strict=True):
        part["alone_flop_per_s"] = _flop(*part["shapes"]) / alone
    return took, 2 * SQUARE**3 / square


def _product(left: Sequence[int], right: Sequence[int]) -> Callable[[], Tensor]:
    a, b = (torch.linspace(-1, 1, math.prod(shape)).view(*shape) for shape in (left, right))
    out = torch.matmul(a, b)
    return lambda: torch.matmul(a, b, out=out)


def _seconds(call: Callable[[], Any], seconds: float) -> float:
    """Processor seconds of a call, from as many as fill so much time."""
    began, calls = time.process_time(), 0
    while (spent := time.process_time() - began) < seconds or not calls:
        call()
        calls += 1
    return spent / calls


# ------------------------------------------------------------------------------- what is shown


def shown(row: Row) -> str:
    head = f"{row['title']}: an update takes {1e3 * row['seconds']:.2f} ms"
    columns = f"{'':<40} {'ms':>8} {'of time':>8} {'GFLOP/s':>8} {'alone':>8} {'of peak':>8}"
    tail = (
        f"the update: {row['share_of_peak']:.0%} of the peak, {row['peak_gflops']:,.0f} GFLOP/s of "
        f"a square product; products alone, as they are here: {row['bound']:.0%}"
    )
    return "\n".join([head, columns, *(_line(part, row) for part in row["parts"]), tail])


def _line(part: Mapping[str, Any], row: Row) -> str:
    sizes = " @ ".join("x".join(map(str, shape)) for shape in part.get("shapes", []))
    line = f"{part['name']} {sizes}".ljust(40)
    line += f" {1e3 * part['seconds']:8.2f} {part['share']:8.0%}"
    if "flop" in part:
        here, alone = part["flop"] / part["seconds"] / 1e9, part["alone_flop_per_s"] / 1e9
        line += f" {here:8,.0f} {alone:8,.0f} {alone / row['peak_gflops']:8.0%}"
    return line


if __name__ == "__main__":
    main()
