"""Kinds of figures that show what the phase map owes to its rule: a map for each of several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from phasegrok.diagram.asked import LADDERS, Asked
from phasegrok.diagram.layout import Picture
from phasegrok.diagram.maps import sensitivity_picture
from phasegrok.frames.captions import rule_text
from phasegrok.frames.rules import (
    Named,
    accuracy_rules,
    accuracy_words,
    budget_rules,
    changes,
    gap_rules,
    sensitivity,
)
from phasegrok.phases import FIRST_CROSSING


def budget(asked: Asked) -> Picture:
    return _picture(asked, budget_rules(asked.rule, asked.steps), "budget")


def gap(asked: Asked) -> Picture:
    gaps = [asked.rule.gap, *asked.gaps] if asked.gaps else None
    return _picture(asked, gap_rules(asked.rule, gaps), "gap")


def accuracy(asked: Asked) -> Picture:
    rules = accuracy_rules(asked.rule, of=asked.of)
    if asked.rule not in [rule for _, rule in rules]:
        rules = [(accuracy_words(asked.rule, asked.of), asked.rule), *rules]
    return _picture(asked, rules, "accuracy")


def _picture(asked: Asked, rules: Sequence[Named], varied: str) -> Picture:
    own = [words for words, rule in rules if rule == asked.rule]
    reference = own[0] if own else rules[-1][0]
    full = sensitivity(asked.runs, asked.axes, rules)
    picture = sensitivity_picture(full, asked.axes, changes(full, reference), reference)
    told = rule_text(asked.rule, asked.steps, varied)
    reads = LADDERS if asked.rule.name == FIRST_CROSSING else asked.rule.kind.columns
    return replace(picture, rule=told, reads=reads)
