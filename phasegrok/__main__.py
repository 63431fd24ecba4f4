"""`phasegrok COMMAND`: sweep asks; the others work from a sweep's directory alone."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from phasegrok import __version__, plotting
from phasegrok.cells import Config
from phasegrok.errors import FAILED, OK, InputError, answered
from phasegrok.words import counted


def main(argv: Sequence[str] | None = None) -> int:
    """The command; gives the exit code."""
    arguments = sys.argv[1:] if argv is None else list(argv)
    if arguments[:1] == ["sweep"]:
        from phasegrok import sweep

        return sweep.main(arguments[1:])
    if "" not in sys.path and (here := str(Path.cwd())) not in sys.path:
        sys.path.append(here)  # a run's own network or operation may be a module here
    options = _parser().parse_args(arguments)
    return answered(lambda: options.command(options))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="phasegrok", description=__doc__, allow_abbrev=False,
        epilog="phasegrok sweep --help tells about sweeps",
    )  # fmt: skip
    parser.add_argument("--version", action="version", version=f"phasegrok {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    commands.add_parser("sweep", help="ask a question: train, classify, draw", add_help=False)
    show = _command(commands, "show", _show, "print one run's configuration, outcome and curve")
    show.add_argument("run_id", metavar="RUN_ID", help="the run, or the beginning of its id")
    show.add_argument(
        "--replay",
        action="store_true",
        help="train it again: dense curve, kept weights; exit 1 if it differs",
    )
    status = _command(commands, "status", _status, "how far it is, what is lost, how to go on")
    status.add_argument(
        "--watch",
        nargs="?",
        const=10.0,
        type=_seconds,
        metavar="SECONDS",
        help="again every so many seconds (10) until nothing is going on",
    )
    plotting.add_options(_command(commands, "plot", plotting.plot, "draw a figure of a sweep"))
    _command(commands, "report", _report, "write report.html: one page, to explore without network")
    watch = _command(commands, "watch", _watch, "serve that page to this machine while it runs")
    watch.add_argument("--port", type=_port, default=0, help="where; a free one if not given")
    _command(commands, "collect", _collect, "make results.parquet of all parts, and draw")
    retry = _command(commands, "retry", _retry, "train what is missing and not in flight")
    retry.add_argument(
        "settings", nargs="*", metavar="launch.KEY=VALUE", help="other than before, where given"
    )
    _command(commands, "cancel", _cancel, "end this sweep's SLURM jobs; what is done is kept")
    return parser


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    function: Callable[[argparse.Namespace], int],
    summary: str,
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=summary, description=summary, allow_abbrev=False)
    parser.add_argument("directory", metavar="DIR", help="a sweep's directory", type=Path)
    parser.set_defaults(command=function)
    return parser


def _show(options: argparse.Namespace) -> int:
    from phasegrok import show
    from phasegrok.store import Store

    store = Store(options.directory)
    store.config()  # says so if it is no sweep's directory
    row = show.find(store, options.run_id)
    if not options.replay:
        print(show.describe(row))
        return OK
    return _replay(store, row)


def _replay(store: object, row: dict[str, object]) -> int:
    from phasegrok import replay, show
    from phasegrok.store import Store

    assert isinstance(store, Store)
    print(f"training {row['run_id']} again, up to step {row['steps']}", file=sys.stderr)
    again = replay.repeat(store, row)
    print(show.describe(again.row))
    print("\n" + "\n".join(str(path) for path in again.files))
    if not again.differing:
        print("it came out the same, to the last bit")
        return OK
    print("it came out differently:")
    for name, (then, now) in again.differing.items():
        print(f"  {name}: {then} then, {now} now")
    print(f"then on {row['host']} with torch {row['torch']}, phasegrok {row['phasegrok']}")
    return FAILED


def _seconds(text: str) -> float:
    if not 0 < float(text) < float("inf"):
        raise ValueError
    return float(text)


def _status(options: argparse.Namespace) -> int:
    from phasegrok import status
    from phasegrok.store import Store

    store = Store(options.directory, own=False)
    if options.watch is not None:
        return status.watch(store, options.watch)
    found = status.gather(store)
    print(status.describe(found))
    return found.code


def _report(options: argparse.Namespace) -> int:
    from phasegrok import report
    from phasegrok.store import Store

    print(report.write(Store(options.directory)))
    return OK


def _port(text: str) -> int:
    if not 0 <= int(text) < 65_536:
        raise ValueError
    return int(text)


def _watch(options: argparse.Namespace) -> int:
    from phasegrok import report
    from phasegrok.store import Store

    return report.watch(Store(options.directory, own=False), options.port)


def _retry(options: argparse.Namespace) -> int:
    from phasegrok import launch, plan
    from phasegrok.config.relaunch import relaunched
    from phasegrok.store import Store

    there = Store(options.directory).config() | {"out": str(options.directory), "dry_run": False}
    changed = relaunched(there, options.settings)
    command = ["phasegrok", "retry", str(there["out"]), *options.settings]
    if there["sweep"].get("refine") is not None:
        return _retry_refined(there, changed, command)
    planned = plan.prepare(changed, launch.refuse)
    print(plan.describe(planned), flush=True)
    try:
        return launch.run(planned, command)
    except InputError:
        plan.prepare(there)  # settings that were refused are not kept
        raise


def _retry_refined(there: Config, changed: Config, command: Sequence[str]) -> int:
    from phasegrok.launch import rounds

    try:
        return rounds.run(changed, command)
    except InputError:
        rounds.restore(there)
        raise


def _cancel(options: argparse.Namespace) -> int:
    from phasegrok.launch.in_flight import cancel
    from phasegrok.store import Store

    store = Store(options.directory)
    store.config()  # says so if it is no sweep's directory
    ended = cancel(store)
    cancelled = f"cancelled {counted(len(ended), 'job')}"
    print(cancelled if ended else "no job of this sweep is in the queue")
    return OK


def _collect(options: argparse.Namespace) -> int:
    from phasegrok import launch
    from phasegrok.store import Store

    store = Store(options.directory)
    rows = launch.collect(store)
    print(f"{store.results_file} has {len(rows)} of {counted(len(store.plan()), 'run')}")
    return FAILED if any(row["status"] == "failed" for row in rows) else OK


if __name__ == "__main__":
    sys.exit(main())
