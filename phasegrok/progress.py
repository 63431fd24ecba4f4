"""Progress of a sweep: a live bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections import Counter
from typing import Any, TextIO

from tqdm import tqdm

# Without a terminal: seconds between two lines.
LINE_S = 10.0

Event = dict[str, Any]


class Progress:
    """Takes in workers' events and shows runs done, run-steps/s, ETA and the phases so far."""

    def __init__(self, total: int, stream: TextIO | None = None):
        self.stream = stream or sys.stderr
        self.total = total
        self.phases: Counter[str] = Counter()
        self.counts: Counter[str] = Counter()
        self.began = time.monotonic()
        self._heard = False
        self._ended: float | None = None
        self._line_at = self.began + 1.0
        self._bar: tqdm[Any] | None = None
        if self.stream.isatty():
            shape = "{n_fmt}/{total_fmt} runs |{bar}| {elapsed}{postfix}"
            self._bar = tqdm(total=total, file=self.stream, bar_format=shape, dynamic_ncols=True)

    @property
    def done(self) -> int:
        return self.phases.total()

    @property
    def run_steps(self) -> int:
        return self.counts["run_steps"]

    def take(self, event: Event) -> None:
        """Count what one progress event reports; the first one starts the clock of the rate."""
        if not self._heard:
            self._heard, self.began = True, time.monotonic()
        self.phases.update(event["phases"])
        self.counts.update({k: v for k, v in event.items() if k not in ("event", "phases")})
        if self._bar is not None:
            self._bar.n = self.done
            self._bar.set_postfix_str(self._state(), refresh=True)
        elif time.monotonic() >= self._line_at:
            self._line_at = time.monotonic() + LINE_S
            self._print_line()

    def close(self) -> None:
        """Training has ended; the clock stops."""
        self._ended = time.monotonic()
        if self._bar is not None:
            self._bar.close()

    def rate(self) -> float:
        """Run-steps per second since training began."""
        return self.run_steps / max(self.seconds(), 1e-9)

    def speed(self) -> str:
        """What the training reached: run-steps/s and, where they are known, the share of the peak
        of float32 matrix products measured beforehand, and how full the lanes were."""
        done = self.counts
        words = f"{self.run_steps:,} run-steps in {self.seconds():,.0f} s, "
        words += f"{self.rate():,.0f} run-steps/s"
        if done["flop"] and done["peak"] and not done["uncounted_steps"]:
            rate = done["flop"] / max(self.seconds(), 1e-9)
            words += f"; {rate / 1e9:,.0f} GFLOP/s, {rate / done['peak']:.0%} of the matmul peak"
        if done["lane_steps"]:
            words += f"; lanes {done['run_steps'] / done['lane_steps']:.0%} full"
        if done["waited.lane_steps"]:
            waited = done["waited.run_steps"] / done["waited.lane_steps"]
            words += f", {waited:.0%} while runs waited"
        return words

    def seconds(self) -> float:
        """Seconds from the beginning of training until now, or until it ended."""
        return (self._ended or time.monotonic()) - self.began

    def eta(self) -> float | None:
        """Seconds to go if the runs left take what the runs so far took; None before the first."""
        if not self.done:
            return None
        return self.seconds() / self.done * (self.total - self.done)

    def _state(self) -> str:
        eta = self.eta()
        remaining = "ETA ?" if eta is None else f"ETA {tqdm.format_interval(eta)}"
        counts = ", ".join(f"{name} {count}" for name, count in self.phases.most_common())
        return f"{self.rate():,.0f} run-steps/s, {remaining}" + (f"; {counts}" if counts else "")

    def _print_line(self) -> None:
        print(f"{self.done}/{self.total} runs, {self._state()}", file=self.stream, flush=True)
