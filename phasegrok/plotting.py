"""`phasegrok plot DIR`: any figure of a sweep, from its directory or its results alone."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from phasegrok.errors import OK, InputError
from phasegrok.phases import Rule

if TYPE_CHECKING:
    import pandas as pd

    from phasegrok.diagram.kinds import Asked, Other
    from phasegrok.frames.selection import Selection
    from phasegrok.store.source import Source

# Options of all kinds that say which runs are shown and over what.
_AXES = ("x", "y", "row", "col")
_RULE = ("train_accuracy", "val_accuracy", "gap", "budget")
_FORMATS = ("png", "pdf", "svg")

# All that decide what a figure shows, as its command names them.
_SHOWN = ("kind", *_AXES, "facet", "at", *_RULE, "gaps", "column", "of", "against", "width")


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


def plot(options: argparse.Namespace) -> int:
    """Draw what was asked for and say which files that made."""
    from phasegrok.diagram import kinds
    from phasegrok.store.source import open_source, stores_below

    kind = kinds.kind(options.kind)
    _refuse_others(options, kind.takes)
    if below := stores_below(options.directory):
        return _contact_sheet(options, below)
    source = open_source(options.directory)
    if source.note:
        print(f"phasegrok: {source.note}", file=sys.stderr)
    picked, asked = _asked(options, source, kind.takes)
    picture = kind.picture(asked)
    for path in _write(options, source, picked, asked, picture):
        print(path)
    return OK


def _refuse_others(options: argparse.Namespace, takes: Sequence[str]) -> None:
    """InputError if an option is given that this kind does not have."""
    from phasegrok.diagram.kinds import KINDS

    given = [name for name in ("column", "of", "against", "gaps") if getattr(options, name)]
    for name in given:
        if name not in takes:
            users = ", ".join(kind for kind, about in KINDS.items() if name in about.takes)
            raise InputError(f"--{name} says nothing to --kind {options.kind}; it is for {users}")


def _asked(
    options: argparse.Namespace, source: Source, takes: Sequence[str]
) -> tuple[Selection, Asked]:
    """What the kind is given: the runs chosen, with their phase under the rule, and the options."""
    from phasegrok.diagram.kinds import Asked
    from phasegrok.frames.selection import select
    from phasegrok.phases import classify

    keys, at = _keys(options), _at(options.at)
    single = {} if "at" in takes else _single(at)
    picked = select(source.frame, source.config, keys, single)
    rule = _rule(options, source.config)
    runs, name = picked.runs, str(source.config["sweep"]["name"])
    if rule != Rule.of_sweep(source.config):
        runs = runs.assign(phase=classify(runs, rule))

    def other(directory: str) -> Other:
        return _other(directory, options, rule, source.config)

    asked = Asked(
        name=name,
        runs=runs,
        axes=picked.axes,
        rule=rule,
        budget=source.config["train"]["steps"],
        at=at if "at" in takes else {},
        of=options.of,
        column=options.column,
        accuracy=options.val_accuracy,
        against=options.against,
        gaps=options.gaps,
        curves=source.curves,
        other=other,
    )
    return picked, asked


def _keys(options: argparse.Namespace) -> dict[str, str]:
    if options.facet and options.col:
        raise InputError("--facet is the same as --col: give one of them, or --row and --col")
    named = {name: getattr(options, name) for name in _AXES}
    named["col"] = named["col"] or options.facet
    return {name: key for name, key in named.items() if key}


def _at(texts: Sequence[str]) -> dict[str, list[str]]:
    """KEY=VALUE, KEY=OTHER ... as key -> values."""
    found: dict[str, list[str]] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals:
            raise InputError(f"--at {text}: expected KEY=VALUE, as in optim.weight_decay=1")
        found.setdefault(key, []).append(value)
    return found


def _single(at: dict[str, list[str]]) -> dict[str, str]:
    for key, texts in at.items():
        if len(texts) > 1:
            raise InputError(
                f"--at {key} is given {len(texts)} times, and this kind shows one value of it; "
                f"draw them all with --row {key} or --col {key}"
            )
    return {key: texts[0] for key, texts in at.items()}


def _rule(options: argparse.Namespace, config: Any) -> Rule:
    given = {name: getattr(options, name) for name in _RULE if getattr(options, name) is not None}
    if options.kind == "efficiency":  # whose accuracy is one of its own
        given.pop("val_accuracy", None)
    if given.get("budget", 1) < 1:
        raise InputError(f"--budget {given['budget']}: must be one step or more")
    return replace(Rule.of_sweep(config), **given)


def _other(directory: str, options: argparse.Namespace, rule: Rule, mine: Any) -> Other:
    """The sweep to compare with that of the config `mine`, with the same keys fixed.

    It is judged by the same rule, within its own budget.
    """
    from phasegrok.diagram.kinds import Other
    from phasegrok.frames.captions import apart_text
    from phasegrok.frames.selection import select
    from phasegrok.phases import classify
    from phasegrok.store.source import open_source

    source = open_source(Path(directory))
    picked = select(source.frame, source.config, _keys(options), _single(_at(options.at)))
    rule = replace(rule, budget=options.budget or source.config["train"]["steps"])
    runs = picked.runs.assign(phase=classify(picked.runs, rule))
    name = str(source.config["sweep"]["name"])
    if name == mine["sweep"]["name"]:  # another answer to the same question
        name = source.folder.resolve().name

    def about(drawn: pd.DataFrame) -> str:
        return apart_text(drawn, source.config, mine)

    return Other(name, runs, picked.axes, rule, about)


def _write(
    options: argparse.Namespace, source: Source, picked: Selection, asked: Asked, picture: Any
) -> list[Path]:
    """The figure with its caption, as files that say what they show."""
    from phasegrok import diagram
    from phasegrok.frames.captions import caption, rule_text

    runs = asked.runs if picture.runs is None else picture.runs
    data = diagram.data_hash(runs, picture.reads) + picture.data
    rule = rule_text(asked.rule, asked.steps) if picture.rule is None else picture.rule
    shown = {"shows": picture.shows, "at": picked.fixed, "rule": rule, "judged": asked.steps}
    text = caption(runs, source.config, data, **shown)
    figure = diagram.lay_out(picture, text, options.width)
    command = _command(options, asked.name)
    plain = _command(options, "") == _command_alone("")
    title = "Phase diagram" if options.kind == "phase" else options.kind.replace("_", " ")
    facts = diagram.Facts(
        title=f"{title[0].upper()}{title[1:]}: {asked.name}",
        alt=picture.alt,
        sweep=asked.name,
        data_hash=data,
        rule=rule,
        command=command,
        kind=options.kind,
    )
    stem = "phase_diagram" if plain else options.kind
    return diagram.write(figure, options.out or source.folder, stem, facts, options.format)


def _command_alone(name: str) -> str:
    return shlex.join(["phasegrok", "plot", name])


def _command(options: argparse.Namespace, name: str) -> str:
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


def _contact_sheet(options: argparse.Namespace, below: Sequence[Path]) -> int:
    """Small phase maps of all sweeps in a folder."""
    from phasegrok.diagram import sheet
    from phasegrok.store.source import open_source

    asked = argparse.Namespace(**{**vars(options), "width": None})
    if _command(asked, "") != _command_alone(""):
        raise InputError(
            f"{options.directory} holds {len(below)} sweeps, of which a contact sheet is drawn: "
            "--out, --width and --format are for it; give the directory of one of them for "
            "another figure"
        )
    entries = []
    for path in below:
        try:
            source = open_source(path)
            entries.append(sheet.entry(path.name, source.frame, source.config))
        except InputError as error:
            print(f"phasegrok: left out: {error}", file=sys.stderr)
    if not entries:
        raise InputError(f"{options.directory}: none of its {len(below)} sweeps can be drawn")
    folder, name = options.out or options.directory, options.directory.resolve().name
    about = {"command": _command(options, name), "width": options.width}
    for path in sheet.save(entries, folder, name, formats=options.format, **about):
        print(path)
    return OK
