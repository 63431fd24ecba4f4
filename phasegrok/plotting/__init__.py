"""`phasegrok plot DIR`: any figure of a sweep, from its directory or its results alone."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from phasegrok.errors import OK, InputError
from phasegrok.phases import Rule
from phasegrok.plotting import options as meaning
from phasegrok.plotting.options import add_options as add_options

if TYPE_CHECKING:
    import pandas as pd

    from phasegrok.diagram.kinds import Asked, Other
    from phasegrok.frames.selection import Selection
    from phasegrok.store.source import Source


def plot(options: argparse.Namespace) -> int:
    """Draw what was asked for and say which files that made."""
    from phasegrok.diagram import kinds
    from phasegrok.store.source import open_source, stores_below

    kind = kinds.kind(options.kind)
    meaning.refuse_others(options, kind.takes)
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


def _asked(
    options: argparse.Namespace, source: Source, takes: Sequence[str]
) -> tuple[Selection, Asked]:
    """What the kind is given: the runs chosen, with their phase under the rule, and the options."""
    from phasegrok.diagram.kinds import Asked
    from phasegrok.frames.selection import select
    from phasegrok.phases import classify

    keys, at = meaning.keys(options), meaning.places(options.at)
    single = {} if "at" in takes else meaning.single(at)
    picked = select(source.frame, source.config, keys, single)
    rule = meaning.rule_of(options, source.config)
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
        weights=source.weights,
        other=other,
    )
    return picked, asked


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
    fixed = meaning.single(meaning.places(options.at))
    picked = select(source.frame, source.config, meaning.keys(options), fixed)
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
    command = meaning.command(options, asked.name)
    plain = meaning.command(options, "") == meaning.command_alone("")
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


def _contact_sheet(options: argparse.Namespace, below: Sequence[Path]) -> int:
    """Small phase maps of all sweeps in a folder."""
    from phasegrok.diagram import sheet
    from phasegrok.store.source import open_source

    asked = argparse.Namespace(**{**vars(options), "width": None})
    if meaning.command(asked, "") != meaning.command_alone(""):
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
    about = {"command": meaning.command(options, name), "width": options.width}
    for path in sheet.save(entries, folder, name, formats=options.format, **about):
        print(path)
    return OK
