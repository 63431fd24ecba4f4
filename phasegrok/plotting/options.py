"""The options of `phasegrok plot`: what they may be, and what they mean."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from phasegrok.errors import InputError
from phasegrok.phases import KINDS, Rule

# Options of all kinds that say which runs are shown and over what.
_AXES = ("x", "y", "row", "col")
_RULE = ("train_accuracy", "val_accuracy", "gap", "budget")
_FORMATS = ("png", "pdf", "svg")

# All that decide what a figure shows, as its command names them.
_SHOWN = ("kind", *_AXES, "facet", "at", "rule", *_RULE, "gaps", "column", "of", "against", "width")


class _List(argparse.Action):
    """`--list`: prints the kinds and ends, without a directory."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from phasegrok.diagram import kinds

        print(kinds.described())
        parser.exit()


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of `phasegrok plot`, beside its directory."""
    parser.add_argument(
        "--kind", default="phase", metavar="KIND", help="which figure; --list names all of them"
    )
    parser.add_argument("--list", action=_List, nargs=0, help="what can be drawn, a line each")
    axes = parser.add_argument_group(
        "axes, by swept key; those not named stay as the sweep has them"
    )
    for name in _AXES:
        axes.add_argument(f"--{name}", metavar="KEY")
    axes.add_argument("--facet", metavar="KEY", help="the same as --col")
    axes.add_argument(
        "--at", action="append", default=[], metavar="KEY=VALUE",
        help="show one value of a swept key; for cut and curves: where, may be repeated",
    )  # fmt: skip
    rule = parser.add_argument_group("the rule, where it is not to be that of sweep.yaml")
    rule.add_argument("--rule", choices=tuple(KINDS), help="another rule, with its own defaults")
    rule.add_argument("--train-accuracy", type=float, metavar="SHARE")
    rule.add_argument("--val-accuracy", type=float, metavar="SHARE")
    rule.add_argument("--gap", type=_gap, help="in steps, or below 1 a share of the budget")
    rule.add_argument("--budget", type=int, metavar="STEPS")
    some = parser.add_argument_group("of some kinds only")
    some.add_argument(
        "--gaps", nargs="+", type=_gap, default=[], metavar="GAP",
        help="gap: which, beside the rule's own; default: half of it and twice",
    )  # fmt: skip
    some.add_argument("--column", metavar="NAME", help="value: the column of the results")
    some.add_argument(
        "--of",
        choices=("val", "train", "delay"),
        help="scaling: which steps; accuracy: which threshold",
    )
    some.add_argument(
        "--against", nargs="+", default=[], metavar="WHAT",
        help="difference: another sweep's directory; scaling: swept keys; boundary: phases",
    )  # fmt: skip
    files = parser.add_argument_group("files")
    files.add_argument("--out", type=Path, metavar="FOLDER", help="where to write; default: DIR")
    files.add_argument("--width", type=_width, metavar="one|two|INCHES", help="journal columns")
    files.add_argument(
        "--format", nargs="+", choices=_FORMATS, default=list(_FORMATS), help="default: all"
    )


def _gap(text: str) -> int | float:
    return int(text) if text.isdigit() else float(text)


def _width(text: str) -> float:
    named = {"one": 3.4, "two": 7.0}
    width = named[text] if text in named else float(text)
    if not 2 <= width <= 40:
        raise argparse.ArgumentTypeError(f"{text}: from 2 to 40 inches, or one or two columns")
    return width


def refuse_others(options: argparse.Namespace, takes: Sequence[str]) -> None:
    """InputError if an option is given that this kind does not have."""
    from phasegrok.diagram.kinds import KINDS

    given = [name for name in ("column", "of", "against", "gaps") if getattr(options, name)]
    for name in given:
        if name not in takes:
            users = ", ".join(kind for kind, about in KINDS.items() if name in about.takes)
            raise InputError(f"--{name} says nothing to --kind {options.kind}; it is for {users}")


def keys(options: argparse.Namespace) -> dict[str, str]:
    """The swept keys that were named for axes."""
    if options.facet and options.col:
        raise InputError("--facet is the same as --col: give one of them, or --row and --col")
    named = {name: getattr(options, name) for name in _AXES}
    named["col"] = named["col"] or options.facet
    return {name: key for name, key in named.items() if key}


def places(texts: Sequence[str]) -> dict[str, list[str]]:
    """KEY=VALUE, KEY=OTHER ... as key -> values."""
    found: dict[str, list[str]] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals:
            raise InputError(f"--at {text}: expected KEY=VALUE, as in optim.weight_decay=1")
        found.setdefault(key, []).append(value)
    return found


def single(at: dict[str, list[str]]) -> dict[str, str]:
    """The same for a kind that shows one value of a key."""
    for key, texts in at.items():
        if len(texts) > 1:
            raise InputError(
                f"--at {key} is given {len(texts)} times, and this kind shows one value of it; "
                f"draw them all with --row {key} or --col {key}"
            )
    return {key: texts[0] for key, texts in at.items()}


def rule_of(options: argparse.Namespace, config: Any) -> Rule:
    """The sweep's rule, with what is asked otherwise."""
    rule = Rule.of_sweep(config)
    if options.rule not in (None, rule.name):
        rule = Rule(rule.train_accuracy, rule.val_accuracy, budget=rule.budget, name=options.rule)
    given = {name: getattr(options, name) for name in _RULE if getattr(options, name) is not None}
    if options.kind == "efficiency":  # whose accuracy is one of its own
        given.pop("val_accuracy", None)
    if given.get("budget", 1) < 1:
        raise InputError(f"--budget {given['budget']}: must be one step or more")
    if "gap" in given and "gap" not in rule.kind.numbers:
        raise InputError(f"--gap says nothing to the rule {rule.name}, which has none")
    return replace(rule, **given)


def command_alone(name: str) -> str:
    """The command without options."""
    return shlex.join(["phasegrok", "plot", name])


def command(options: argparse.Namespace, name: str) -> str:
    """The command that draws this figure, with the sweep's name for its directory."""
    words = ["phasegrok", "plot", name]
    for option in _SHOWN:
        given = getattr(options, option)
        flag = f"--{option.replace('_', '-')}"
        if (option == "kind" and given == "phase") or given in (None, []):
            continue
        if option == "at":
            words += [word for text in given for word in (flag, text)]
            continue
        values = given if isinstance(given, list) else [given]
        named = [Path(each).name for each in values] if option == "against" else values
        words += [flag, *(f"{each:g}" if isinstance(each, float) else str(each) for each in named)]
    return shlex.join(words)
