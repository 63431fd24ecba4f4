"""What is asked: axes, the grid of cells they span, and the runs (cell x seed) with their ids.

Everything here works on plain dictionaries and imports nothing heavy, so that a plan of many
thousands of runs costs little and an id can be computed anywhere.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

Config = dict[str, Any]
Value = TypeVar("Value")

AXES = ("x", "y", "row", "col")

# Raised by one whenever training changes its meaning, so that old rows are not taken for new ones.
SEMANTICS = 1

# The part of a composed config that makes a run. Everything else (launch, out, phase rule, lanes,
# compile, ...) says how, where or how it is judged, and is not part of a run.
SECTIONS = ("task", "model", "optim", "train")
RUN_TRAIN_KEYS = ("steps", "batch_size", "eval_every", "dtype", "loss", "vectorise")

# Values by which a setting does as little as by null.
SAME_AS_NULL = {"optim.fix_norm": False, "model.dropout": 0}

# In a run's config but not in its id. A longer budget follows the same trajectory further; where
# data lie (`task.data` says what they are) and the others allow or arrange a training without
# changing it.
NOT_IN_ID = ("train.steps", "train.vectorise", "optim.allow_overdecay", "task.path")


@dataclass(frozen=True)
class Run:
    """One training: its id, its complete configuration, and where it stands in the sweep.

    `cell` maps each swept key to its value; `index` maps each axis name to the position on it.
    """

    run_id: str
    config: Config
    cell: Mapping[str, Any]
    index: Mapping[str, int]

    @property
    def seed(self) -> int:
        return self.config["seed"]


# ---------------------------------------------------------------------------------- dotted keys


def lookup(config: Mapping[str, Any], key: str) -> Any:
    """The value at a dotted key (list positions are numbers: `optim.betas.1`), or KeyError."""
    value: Any = config
    for part in key.split("."):
        if isinstance(value, dict | Mapping):  # dict first, for it is the quick one to tell
            value = value[part]
        elif isinstance(value, list | tuple) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        else:
            raise KeyError(key)
    return value


def replaced(config: Config, changes: Mapping[str, Any]) -> Config:
    """A copy of config with the dotted keys set; shares all untouched branches."""
    for key, value in changes.items():
        config = _with(config, key.split("."), value)
    return config


def _with(branch: Any, path: Sequence[str], value: Any) -> Any:
    if not path:
        return value
    if isinstance(branch, list | tuple):
        position = int(path[0])
        items = list(branch)
        items[position] = _with(items[position], path[1:], value)
        return items
    return {**branch, path[0]: _with(branch[path[0]], path[1:], value)}


def leaves(branch: Any, key: str = "") -> list[tuple[str, Any]]:
    """Dotted key and value of every leaf of a nested config; a list is a leaf."""
    if not isinstance(branch, Mapping):
        return [(key, branch)]
    named = ((f"{key}.{name}" if key else str(name), value) for name, value in branch.items())
    return [leaf for dotted, value in named for leaf in leaves(value, dotted)]


# ----------------------------------------------------------------------------------------- axes


def rounded(value: float) -> float:
    """12 significant digits: the same number on every machine, whatever its libm."""
    return float(f"{value:.12g}")


def axis_values(axis: Mapping[str, Any]) -> list[Any]:
    """The values of one axis: listed, or `num` from `low` to `high` on a linear or log scale.

    `zero: true` puts 0 in front of a log axis. Values are rounded to 12 significant digits; those
    of an axis with whole values only are whole numbers, so that a width can be an axis.
    """
    if axis.get("values") is not None:
        return [rounded(v) if isinstance(v, float) else v for v in axis["values"]]
    low, high, num = float(axis["low"]), float(axis["high"]), int(axis["num"])
    log = axis.get("scale", "linear") == "log"
    start, stop = (math.log10(low), math.log10(high)) if log else (low, high)
    points = [start + (stop - start) * i / max(num - 1, 1) for i in range(num)]
    values = [rounded(10**point if log else point) for point in points]
    values = [0.0, *values] if axis.get("zero") else values
    return [int(v) for v in values] if all(map(float.is_integer, values)) else values


def axes(sweep: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The axes a sweep has, by name, in the order x, y, row, col."""
    return {name: sweep[name] for name in AXES if sweep.get(name)}


def zipped(sweep: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Groups of axes that move together; an axis that is not zipped is a group of its own."""
    names = list(axes(sweep))
    together = tuple(sweep.get("zip") or ())
    return [together] * bool(together) + [(name,) for name in names if name not in together]


def grid(sweep: Mapping[str, Any]) -> Iterator[dict[str, int]]:
    """Every cell of a sweep as axis name -> position on that axis."""
    lengths = {name: len(axis_values(axis)) for name, axis in axes(sweep).items()}
    groups = zipped(sweep)
    for positions in itertools.product(*(range(lengths[group[0]]) for group in groups)):
        yield {
            name: position
            for group, position in zip(groups, positions, strict=True)
            for name in group
        }


def cell_changes(sweep: Mapping[str, Any]) -> Iterator[tuple[dict[str, int], dict[str, Any]]]:
    """Every cell as (axis name -> position, swept key -> value)."""
    swept = {name: (axis["param"], axis_values(axis)) for name, axis in axes(sweep).items()}
    for index in grid(sweep):
        yield index, {swept[name][0]: swept[name][1][i] for name, i in index.items()}


# ----------------------------------------------------------------------------------------- runs


def seeds(config: Mapping[str, Any]) -> list[int]:
    """`seeds: 3` means 0, 1, 2; a list names them."""
    wanted = config["seeds"]
    return list(range(wanted)) if isinstance(wanted, int) else list(wanted)


def run_config(config: Mapping[str, Any]) -> Config:
    """The part of a composed config that makes a run, still without a seed."""
    train = {key: config["train"][key] for key in RUN_TRAIN_KEYS if key in config["train"]}
    return {name: config[name] for name in SECTIONS} | {"train": train}


def runs(
    config: Mapping[str, Any], wanted: Callable[[Mapping[str, int], int], bool] | None = None
) -> list[Run]:
    """All runs of a checked config: every cell with every seed, cells in grid order.

    Cells with the same values share the branches these stand in, which are made once. `wanted`
    says of a position on the axes, by name, and a seed whether to make that run.
    """
    base, sweep, split = run_config(config), config.get("sweep") or {}, config.get("split_seed")
    changing: dict[str, list[str]] = {}  # section -> the axes that change it
    for name, axis in axes(sweep).items():
        changing.setdefault(axis["param"].partition(".")[0], []).append(name)
    last = [
        {"seed": seed, "split_seed": seed if split is None else split} for seed in seeds(config)
    ]
    with_texts = [(numbers, _texts(numbers)) for numbers in last]
    made: dict[tuple[Any, ...], tuple[Config, dict[str, str]]] = {}
    base_texts, run_list = _texts(base), []
    for index, cell in cell_changes(sweep):
        chosen = [one for one in with_texts if wanted is None or wanted(index, one[0]["seed"])]
        if not chosen:
            continue
        of_cell, texts = dict(base), dict(base_texts)
        for section, names in changing.items():
            at = (section, *(index[name] for name in names))
            if at not in made:
                changes = {sweep[name]["param"]: cell[sweep[name]["param"]] for name in names}
                changed = {section: replaced(base, changes)[section]}
                made[at] = changed, _texts(changed)
            of_cell |= made[at][0]
            texts |= made[at][1]
        for numbers, number_texts in chosen:
            complete, run_texts = {**of_cell, **numbers}, {**texts, **number_texts}
            run_list.append(Run(_hashed(_object(run_texts)), complete, cell, index))
    return run_list


def run_id(config: Mapping[str, Any]) -> str:
    """16 hexadecimal characters that name a run by all that can change its result.

    The budget (`train.steps`) is left out on purpose: it says how far a trajectory is followed,
    not which one it is, so that a decided run need not train again when the budget grows.
    """
    return _hashed(canonical(config))


def canonical(config: Mapping[str, Any]) -> str:
    """Sorted JSON of a run's config: numbers at 12 digits, 1.0 as 1, unset and NOT_IN_ID dropped.

    Nulls are dropped so that a setting added later, null by default, leaves old ids as they are.
    """
    return _object(_texts(config))


def unset(key: str, value: Any) -> bool:
    """Whether a run is the same without this leaf: it is null, or what means the same there."""
    return value is None or (key in SAME_AS_NULL and value == SAME_AS_NULL[key])


def _hashed(text: str) -> str:
    return hashlib.sha256(f"{SEMANTICS}:{text}".encode()).hexdigest()[:16]


def _object(texts: Mapping[str, str]) -> str:
    """The JSON object whose values are these texts."""
    return "{" + ",".join([f'"{key}":{texts[key]}' for key in sorted(texts)]) + "}"


def _texts(config: Mapping[str, Any]) -> dict[str, str]:
    """Each key of a run's config with the canonical JSON of what it holds."""
    normal = _normal(config, "")
    return {k: json.dumps(v, sort_keys=True, separators=(",", ":")) for k, v in normal.items()}


def per_branch(function: Callable[..., Value]) -> Callable[..., Value]:
    """The function, called once for equal arguments that are branches shared by many configs."""
    known: dict[tuple[int, ...], tuple[Any, Value]] = {}

    def remembered(*branches: Any) -> Value:
        at = tuple(map(id, branches))
        if at not in known:
            known[at] = branches, function(*branches)  # kept, so that no other takes its id
        return known[at][1]

    return remembered


def as_json() -> Callable[[Config], str]:
    """`json.dumps(config, sort_keys=True)`, quick for configs that share branches."""
    text = per_branch(lambda branch: json.dumps(branch, sort_keys=True))

    def encoded(config: Config) -> str:
        return "{" + ", ".join([f'"{key}": {text(config[key])}' for key in sorted(config)]) + "}"

    return encoded


def shared_part(config: Mapping[str, Any]) -> Config:
    """What must be equal for runs to train in one program: a run's config without the numbers
    that each lane has for itself, and without where its data lie.

    The training set's size is missing here, since one compiled program serves all sizes; lanes
    side by side must have it in common too.
    """
    own_task = ("train_fraction", "label_noise", "target_seed", "error_threshold", "path")
    optim, model = config["optim"], config["model"]
    groups = optim.get("groups") or {}
    # How much noise is a lane's own; whether there is any, and more to measure, is not.
    noisy = {"noisy": True} if config["task"].get("label_noise") else {}
    return {
        "task": {k: v for k, v in config["task"].items() if k not in own_task} | noisy,
        "model": {k: v if k != "dropout" else "some" for k, v in model.items()
                  if v is not None and k != "init_scale"},
        "optim": {
            "name": optim["name"],
            "clipped": optim.get("clip_norm") is not None,
            "sphere": bool(optim.get("fix_norm")),
            "groups": {g: sorted(k for k, v in s.items() if v is not None)
                       for g, s in groups.items()},
        },
        "train": {k: v for k, v in config["train"].items() if k != "steps"},
    }  # fmt: skip


def _normal(value: Any, key: str) -> Any:
    if isinstance(value, Mapping):
        named = ((k, f"{key}.{k}" if key else str(k), v) for k, v in value.items())
        return {
            str(k): _normal(v, dotted)
            for k, dotted, v in named
            if not unset(dotted, v) and dotted not in NOT_IN_ID
        }
    if isinstance(value, list | tuple):
        return [_normal(item, key) for item in value]
    if isinstance(value, float):
        value = rounded(value)
        return int(value) if value.is_integer() else value
    return value
