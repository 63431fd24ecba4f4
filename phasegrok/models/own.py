"""A user's own network, named by its import path: `model.name: package.module:Class`.

It is built as Class(symbols=..., outputs=..., **model.options) for a task of pairs, and for others
with their sizes in the place of symbols: those of `Dataset.reads`.
"""

from __future__ import annotations

import ast
import importlib.util
import re
from collections.abc import Mapping
from importlib.machinery import ModuleSpec
from typing import TYPE_CHECKING, Any

from phasegrok.errors import InputError
from phasegrok.options import Option

if TYPE_CHECKING:
    from torch import nn

OPTIONS = Option(
    "a mapping of the class's own keyword arguments",
    lambda value: isinstance(value, Mapping) and all(isinstance(key, str) for key in value),
    default={},
)


def is_path(name: str) -> bool:
    return re.fullmatch(r"\w+(\.\w+)*:\w+", name) is not None


def faults(name: str) -> list[str]:
    """What can be seen without importing the module, since that would import torch."""
    module, _, cls = name.partition(":")
    try:
        spec = importlib.util.find_spec(module)
    except Exception as error:  # a parent package is imported, and may raise anything
        return [f"model.name = {name}: cannot be imported ({type(error).__name__}: {error})"]
    if spec is None:
        return [
            f"model.name = {name}: there is no module {module}; "
            "the current directory and the Python path are searched"
        ]
    if not _may_define(spec, cls):
        return [f"model.name = {name}: {module} has no {cls}"]
    return []


def _may_define(spec: ModuleSpec, name: str) -> bool:
    """Whether the source has the name; true where there is no source to look at."""
    source = getattr(spec.loader, "get_source", lambda name: None)(spec.name)
    if source is None:
        return True
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return True  # the import will tell better than we can
    bound: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            bound.add(node.name)
        elif isinstance(node, ast.alias):
            bound.add(node.asname or node.name)
        elif isinstance(node, ast.Name):
            bound.add(node.id)
    return bool(bound & {name, "*", "__getattr__"})


def build(model: Mapping[str, Any], sizes: Mapping[str, int]) -> nn.Module:
    """The module, constructed.

    Raises:
        InputError: it cannot be imported or constructed, or is no nn.Module.
    """
    from torch import nn

    name, arguments = model["name"], model.get("options") or {}
    try:
        module_name, _, attribute = name.partition(":")
        cls = getattr(importlib.import_module(module_name), attribute)
        module = cls(**sizes, **arguments)
    except Exception as error:  # it is the user's code
        words = ", ".join(f"{key}={value!r}" for key, value in [*sizes.items(), *arguments.items()])
        raise InputError(
            f"model.name = {name}: building it with {words} raised {type(error).__name__}: {error}"
        ) from error
    if not isinstance(module, nn.Module):
        raise InputError(f"model.name = {name}: gives a {type(module).__name__}, not an nn.Module")
    return module
