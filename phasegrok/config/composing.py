"""Hydra at work: overrides in its form, and its errors in our words. Hydra's only door but one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from phasegrok import tasks
from phasegrok._paths import CONF_DIR
from phasegrok.cells import AXES, Config
from phasegrok.config.catalogue import GROUPS, checked_dir, sweeps
from phasegrok.errors import InputError
from phasegrok.options import suggestion
from phasegrok.phases import KINDS, NUMBERS

if TYPE_CHECKING:
    from omegaconf import DictConfig

CONFIG_NAME = "config"
HYDRA_VERSION = "1.3"

NO_MULTIRUN = (
    "-m/--multirun is not needed: a sweep file holds the whole grid; choose one with +sweep=NAME "
    "and set its axes with sweep.x, sweep.y (e.g. sweep.x.num=41) and its replicates with seeds=5"
)

# What stands in quotes already, or a word with ^, which Hydra's grammar has no place for.
POWER = re.compile(
    r"""'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|[^\s,=()\[\]{}'"]*\^[^\s,=()\[\]{}'"]*"""
)

# The keys that hold a list, and those that hold an axis.
LISTS = re.compile(
    rf"seeds|reuse|optim\.betas|sweep\.zip|sweep\.refine\.start|sweep\.({'|'.join(AXES)})\.values"
)
AXIS = re.compile(rf"sweep\.({'|'.join(AXES)})")

NO_HEADER = (
    "sweep.sweep: the sweep's file must begin with the line '# @package _global_', because its "
    "keys are those of the whole configuration"
)


def compose(overrides: Sequence[str] = (), config_dir: str | Path | None = None) -> Config:
    """The configuration that the command would use, as a plain dictionary, not checked yet.

    Args:
        overrides: what stands on the command line, like ["+sweep=quick", "optim.lr=3e-3"].
        config_dir: a folder of one's own, with groups as in conf/ (`mine/sweep/my_sweep.yaml`).

    Raises:
        InputError: Hydra cannot compose it; says why.
    """
    import hydra

    refuse_malformed(overrides, config_dir)
    arguments = hydra_arguments(overrides)
    if config_dir is not None:
        path = str(checked_dir(config_dir)).replace("\\", "\\\\").replace("'", "\\'")
        arguments.append(f"hydra.searchpath=['file://{path}']")
    with translated(), _own_hydra():
        return plain(hydra.compose(CONFIG_NAME, overrides=arguments), overrides)


@contextmanager
def _own_hydra() -> Iterator[None]:
    """Hydra with our conf/; the caller may be a Hydra application of its own, which keeps its."""
    import hydra
    from hydra.core.global_hydra import GlobalHydra

    callers = GlobalHydra.instance().hydra
    GlobalHydra.instance().clear()
    try:
        with hydra.initialize_config_dir(
            config_dir=str(CONF_DIR), job_name="sweep", version_base=HYDRA_VERSION
        ):
            yield
    finally:
        GlobalHydra.instance().hydra = callers


def plain(node: DictConfig, overrides: Sequence[str]) -> Config:
    """The composed node as a plain dictionary; an axis overridden in one form loses the other.

    A rule chosen by phase=NAME loses the numbers that a sweep's file gives to another rule.
    Where data lie and what they are is settled here, for whoever trains from another folder.
    """
    from omegaconf import OmegaConf

    config: Any = OmegaConf.to_container(node, resolve=True)
    if isinstance(config.get("task"), dict):
        config["task"] = tasks.located(config["task"])
    sweep = config.get("sweep")
    for name, axis in sweep.items() if isinstance(sweep, dict) else ():
        given = {key for key in ("values", "low", "high", "num") if _sets(overrides, name, key)}
        if isinstance(axis, dict) and given == {"values"}:
            _drop(axis, ("low", "high", "num", "zero"), overrides, name)
        elif isinstance(axis, dict) and given and "values" not in given:
            _drop(axis, ("values",), overrides, name)
        if isinstance(axis, dict):
            _open_group(config, axis.get("param"))
    if any(override_key(override) == "phase" for override in overrides):
        _drop_unread(config["phase"], overrides)
    from phasegrok.config import refinement

    return refinement.settled(config)


def _open_group(config: Config, param: Any) -> None:
    """A group has a setting as soon as an axis sweeps it: null (as the rest) until then."""
    swept = re.fullmatch(r"optim\.groups\.([^.]+)\.(lr|weight_decay)", str(param))
    optim = config.get("optim")
    groups = optim.get("groups") if isinstance(optim, dict) else None
    if swept and isinstance(groups, dict):
        group = groups.setdefault(swept[1], {})
        if isinstance(group, dict):
            group.setdefault(swept[2], None)


def _drop_unread(phase: Config, overrides: Sequence[str]) -> None:
    """The numbers that this rule does not read, but for those that were set by an override."""
    kind, asked = KINDS.get(phase.get("name", "")), set(map(override_key, overrides))
    for number in NUMBERS:
        if kind and number not in kind.numbers and f"phase.{number}" not in asked:
            phase.pop(number, None)


def _drop(axis: Config, keys: Sequence[str], overrides: Sequence[str], name: str) -> None:
    for key in keys:
        if not _sets(overrides, name, key):
            axis.pop(key, None)


def _sets(overrides: Sequence[str], axis: str, key: str) -> bool:
    """Whether an override sets a key of an axis, by itself or within {low: 1, ...}."""
    within = re.compile(rf"[{{,]\s*{key}\s*:")
    return any(
        override_key(override) == f"sweep.{axis}.{key}"
        or (override_key(override) == f"sweep.{axis}" and within.search(override))
        for override in overrides
    )


# ------------------------------------------------------------------------------------ overrides


def override_key(override: str) -> str:
    """The dotted key that an override sets, without its signs."""
    return override.partition("=")[0].lstrip("+~").strip()


def hydra_arguments(overrides: Sequence[str]) -> list[str]:
    """The overrides as Hydra is given them: a plain `key=value` becomes `++key=value`.

    Hydra would stop at the first misspelt key; so it composes all of them, and the schema then
    names every one. `++` also spares the user a `+` before optim.groups.NAME.lr.
    """
    return [_set_or_added(override) for override in overrides]


def refuse_malformed(overrides: Sequence[str], config_dir: str | Path | None = None) -> None:
    """Raises InputError with every override that is none, before Hydra sees them."""
    faults = [fault for override in overrides for fault in _malformed(override, config_dir)]
    chosen = [override for override in overrides if override_key(override) == "sweep"]
    if len(chosen) > 1:
        faults.append(f"{' '.join(chosen)}: one sweep at a time")
    if faults:
        raise InputError(faults)


def _set_or_added(override: str) -> str:
    key = override_key(override)
    choice = key in GROUPS or key.startswith("hydra.") or "/" in key or "@" in key
    if choice or override.startswith("~"):
        return override
    _, equals, value = override.partition("=")
    return f"++{key}{equals}{POWER.sub(_quoted, value)}"


def _quoted(word: re.Match[str]) -> str:
    return word[0] if word[0][0] in "'\"" else f"'{word[0]}'"


def _malformed(override: str, config_dir: str | Path | None) -> Iterator[str]:
    key, equals, value = override.partition("=")
    if key == "sweep" and equals:
        yield f"{override}: needs a plus, because no sweep is chosen by default: +sweep={value}"
    elif AXIS.fullmatch(override_key(override)) and not value.strip().startswith(("{", "null")):
        yield _no_axis(override_key(override), value.strip())
    elif key == "hydra.mode" and value.upper() == "MULTIRUN":
        yield NO_MULTIRUN
    elif not equals and not key.startswith("~"):
        known = [name for name, _ in sweeps(config_dir)]
        hint = f"; to ask that sweep, write +sweep={key}" if key in known else ""
        yield f"{override}: is not of the form key=value{hint}"


def _no_axis(name: str, value: str) -> str:
    listed = value if value.startswith("[") else f"[{value}]" if "," in value else "[...]"
    return (
        f"{name}={value}: is no axis; {name}.values={listed} sets its values, {name}.param=KEY "
        "what is swept"
    )


def _several(override: str, values: str) -> str:
    """What to write instead of `key=a,b` or `key=choice(a,b)`, Hydra's multirun."""
    key = override_key(override)
    if LISTS.fullmatch(key):
        return f"{override}: several values are a list: {key}=[{values}]"
    if key in GROUPS:
        return f"{override}: one {key} at a time; an axis sweeps a single key of it"
    return (
        f"{override}: several values are an axis: sweep.x.param={key} "
        f"sweep.x.values=[{values}] (or y, row, col)"
    )


# --------------------------------------------------------------------------------------- errors


@contextmanager
def translated() -> Iterator[None]:
    """Turns every error of Hydra, OmegaConf and YAML into an InputError with our wording."""
    from hydra.errors import HydraException, MissingConfigException, OverrideParseException
    from omegaconf.errors import OmegaConfBaseException
    from yaml import MarkedYAMLError, YAMLError

    try:
        yield
    except MissingConfigException as error:
        raise InputError(_no_such_option(error.missing_cfg_file, error.options, error)) from error
    except OverrideParseException as error:
        raise InputError(_unreadable(error.override)) from error
    except MarkedYAMLError as error:
        raise InputError(_broken_file(error)) from error
    except (
        HydraException,
        OmegaConfBaseException,
        YAMLError,
        ValueError,
        PermissionError,
    ) as error:
        raise InputError(_in_one_line(error)) from error


def _no_such_option(path: str | None, options: Sequence[str] | None, error: Exception) -> str:
    if not path or options is None:
        return _in_one_line(error)
    group, _, name = path.rpartition("/")
    known = sorted(options)
    plus = "+" if group == "sweep" else ""
    return (
        f"{plus}{group}={name}: there is no {group} {name}{suggestion(name, known)}"
        f"{'' if suggestion(name, known) else ';'} there are {', '.join(known)}"
    )


def _unreadable(override: str) -> str:
    value = override.partition("=")[2]
    return (
        f"{_as_given(override)}: cannot be read; a value with commas, =, quotes or brackets that "
        f"do not close needs quotes of its own, as in key='\"{value}\"'"
    )


def _as_given(override: str) -> str:
    return override.removeprefix("++")


def _broken_file(error: Any) -> str:
    mark, problem = error.problem_mark or error.context_mark, error.problem or error.context
    where = f"{mark.name}, line {mark.line + 1}" if mark else "a YAML file"
    return f"{where}: is not valid YAML: {problem}"


def _in_one_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    ambiguous = re.match(r"Ambiguous value for argument '(.*?)' ", text)
    if ambiguous:
        override = _as_given(ambiguous[1])
        return _several(override, override.partition("=")[2])
    multirun = re.match(r"Sweep parameters '(.*?)' requires --multirun", text)
    if multirun:
        override = _as_given(multirun[1])
        listed = re.search(r"=choice\((.*)\)$", override)
        return _several(override, listed[1] if listed else "...")
    if "@sweep." in text:
        return NO_HEADER
    # OmegaConf appends the key and the type of what it was reading.
    message, _, where = text.partition(" full_key: ")
    key = f"{where.split()[0]}: " if where else ""
    return f"{key}the configuration cannot be composed: {message}"
