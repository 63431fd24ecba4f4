"""`python -m phasegrok.sweep +sweep=NAME`: compose, check, plan, train, classify, draw.

Hydra composes the configuration and is done; all the rest runs outside it, so that its working
directories, logging and error handling stay out of the way.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from phasegrok import __version__, config
from phasegrok._paths import CONF_DIR
from phasegrok.cells import Config
from phasegrok.config import composing
from phasegrok.errors import OK, InputError, answered

if TYPE_CHECKING:
    from omegaconf import DictConfig


def main(argv: Sequence[str] | None = None) -> int:
    """The command. `argv` are its arguments (those of the process if None); gives the exit code.

    Errors become one message on stderr; PHASEGROK_DEBUG=1 shows them with their traceback.
    """
    arguments = sys.argv[1:] if argv is None else list(argv)
    # A console script does not see the current directory, where a user's own modules may be.
    if "" not in sys.path and (here := str(Path.cwd())) not in sys.path:
        sys.path.append(here)
    return answered(lambda: _answer(_parsed(arguments)))


def ask(composed: Config, arguments: Sequence[str] = ()) -> int:
    """Answers one checked configuration: makes the plan, shows it, and carries it out.

    Args:
        arguments: those of the command, which an interrupted sweep names as the way to go on.

    Returns:
        The exit code.

    Raises:
        InputError: the output directory holds another sweep, or cannot be written.
    """
    from phasegrok import launch, plan

    command = ["python", "-m", "phasegrok.sweep", *arguments]
    if composed["sweep"].get("refine") is not None:
        from phasegrok.launch import rounds

        return rounds.run(composed, command)
    planned = plan.prepare(composed, launch.refuse)
    print(plan.describe(planned), flush=True)
    if composed["dry_run"]:
        if composed["launch"]["name"] == "slurm":
            from phasegrok.launch import slurm

            print(slurm.preview(planned))
        return OK
    return launch.run(planned, command)


def _answer(options: argparse.Namespace) -> int:
    if options.version:
        print(f"phasegrok {__version__}")
        return OK
    if options.multirun:
        raise InputError(composing.NO_MULTIRUN)
    if options.config_dir is not None:
        options.config_dir = str(composing.checked_dir(options.config_dir))
    named = any(composing.override_key(key).startswith("sweep") for key in options.overrides)
    if not options.shell_completion:  # which has words of its own, like install=bash
        composing.refuse_malformed(options.overrides, options.config_dir)
    if not named and not options.flags:
        print(listing(options.config_dir))
        return OK
    composed = _composed(options)
    if composed is None:  # Hydra was asked to show something, and has
        if options.cfg == "job" and named:
            shown = composing.compose(options.overrides, options.config_dir)
            config.check(shown, options.overrides)
        return OK
    config.check(composed, options.overrides)
    return ask(composed, options.given)


def listing(config_dir: str | None = None) -> str:
    """The sweeps there are, each with the question it asks."""
    found = config.sweeps(config_dir)
    indent = max(len(name) for name, _ in found) + 4
    lines = [
        textwrap.fill(
            f"  {name:<{indent - 2}}{question}",
            width=max(shutil.get_terminal_size((100, 24)).columns, indent + 30),
            subsequent_indent=" " * indent,
        )
        for name, question in found
    ]
    own = f"--config-dir {config_dir} " if config_dir else ""
    usage = f"Choose one:  python -m phasegrok.sweep {own}+sweep=NAME    (all options: --help)"
    return "\n".join(["Sweeps:", *lines, "", usage])


# ------------------------------------------------------------------------------------ arguments


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message}; settings are given as key=value, and --help lists the rest")


def _parsed(arguments: Sequence[str]) -> argparse.Namespace:
    """The arguments, of which `flags` go on to Hydra. Any order of flags and overrides is right."""
    parser = _Parser(add_help=False, allow_abbrev=False)
    parser.add_argument("overrides", nargs="*")
    for names in (
        ("--help", "-h"),
        ("--hydra-help",),
        ("--resolve",),
        ("--shell-completion", "-sc"),
    ):
        parser.add_argument(*names, action="store_true")
    parser.add_argument("--multirun", "-m", action="store_true")
    parser.add_argument("--version", action="store_true")
    parser.add_argument("--config-dir", "-cd")
    parser.add_argument("--cfg", "-c", choices=["job", "hydra", "all"])
    parser.add_argument("--package", "-p")
    parser.add_argument("--info", "-i", nargs="?", const="all")
    options = parser.parse_intermixed_args(list(arguments))
    options.given = list(arguments)
    switches = ("help", "hydra_help", "resolve", "shell_completion")
    options.flags = [f"--{name.replace('_', '-')}" for name in switches if getattr(options, name)]
    for name in ("cfg", "package", "info"):
        if getattr(options, name) is not None:
            options.flags += [f"--{name}", getattr(options, name)]
    return options


# ---------------------------------------------------------------------------------------- hydra


def _composed(options: argparse.Namespace) -> Config | None:
    """What Hydra composes; None if it was asked to print something (--help, --cfg job)."""
    import hydra

    captured: dict[str, Any] = {}

    def capture(node: DictConfig) -> None:
        # Hydra prints a report of its own about whatever this function raises.
        try:
            captured["config"] = composing.plain(node, options.overrides)
        except Exception as error:
            captured["error"] = error

    command = hydra.main(
        config_path=str(CONF_DIR),
        config_name=composing.CONFIG_NAME,
        version_base=composing.HYDRA_VERSION,
    )(capture)
    directory = ["--config-dir", options.config_dir] if options.config_dir else []
    overrides = options.overrides
    if not options.shell_completion:
        overrides = composing.hydra_arguments(overrides)
    with composing.translated(), _as_command_line([*overrides, *directory, *options.flags]):
        try:
            command()
        except SystemExit as end:  # after --help, and where --package finds nothing
            if end.code:
                raise InputError("nothing to show; see the line above") from end
        if "error" in captured:
            raise captured["error"]
    return captured.get("config")


@contextmanager
def _as_command_line(arguments: Sequence[str]) -> Iterator[None]:
    """Hydra reads sys.argv, and lets its exceptions through only if the environment says so."""
    argv, full = sys.argv, os.environ.get("HYDRA_FULL_ERROR")
    sys.argv = [argv[0], *arguments]
    os.environ["HYDRA_FULL_ERROR"] = "1"
    try:
        yield
    finally:
        sys.argv = argv
        os.environ.pop("HYDRA_FULL_ERROR")
        if full is not None:
            os.environ["HYDRA_FULL_ERROR"] = full


if __name__ == "__main__":
    sys.exit(main())
