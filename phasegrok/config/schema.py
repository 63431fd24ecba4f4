"""The typed shape of a composed configuration: every key, its type, and in words what it may be.

The descriptions are the messages: a fault reads `KEY = VALUE: must be DESCRIPTION`. The keys of
`task` and `model` depend on their `name` and are described where they are implemented
(`phasegrok.tasks`, `phasegrok.models`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


class _Section(BaseModel):
    # strict: 1.5 is no whole number, true and "3" are no numbers; a whole number is a number
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


def _different(items: list[Any]) -> list[Any]:
    if len(set(items)) < len(items):
        raise ValueError("an item stands in the list twice")
    return items


AUTO_OR_COUNT = "auto or a whole number >= 1"
Count = Annotated[int, Field(ge=1)]
Seeds = Annotated[
    list[Annotated[int, Field(ge=0)]], Field(min_length=1), AfterValidator(_different)
]
AxisName = Literal["x", "y", "row", "col"]
Scalar = bool | int | float | str | None


class Group(_Section):
    """A part of the model with settings of its own; null means as the rest."""

    lr: float | None = Field(None, gt=0, description="a number > 0, or null for optim.lr")
    weight_decay: float | None = Field(
        None, ge=0, description="a number >= 0, or null for optim.weight_decay"
    )


class Optim(_Section):
    name: Literal["adamw", "adam", "sgd"] = Field(description="one of adamw, adam, sgd")
    lr: float = Field(gt=0, description="a number > 0")
    weight_decay: float = Field(ge=0, description="a number >= 0")
    betas: list[Annotated[float, Field(ge=0, lt=1)]] | None = Field(
        None,
        min_length=2,
        max_length=2,
        description="null or two numbers from 0 up to 1, like [0.9, 0.98]",
    )
    eps: float | None = Field(None, gt=0, description="null or a number > 0")
    momentum: float | None = Field(
        None, ge=0, lt=1, description="null or a number from 0 up to but not including 1"
    )
    warmup_steps: int | None = Field(None, ge=0, description="a whole number >= 0")
    clip_norm: float | None = Field(None, gt=0, description="null or a number > 0")
    fix_norm: bool | None = Field(
        None, description="true (each step ends at the initial weight norm), false or null"
    )
    allow_overdecay: bool = Field(False, description="true or false")
    groups: dict[str, Group] = Field(
        {}, description="a mapping like {embedding: {lr: 1e-3, weight_decay: 0}}"
    )


class Train(_Section):
    steps: int = Field(ge=1, description="a whole number >= 1, written without exponent")
    batch_size: int | None = Field(ge=1, description="null (full batch) or a whole number >= 1")
    eval_every: int = Field(ge=1, description="a whole number >= 1")
    dtype: Literal["float32", "float64"] = Field(description="float32 or float64")
    loss: Literal["mse", "cross_entropy"] = Field(description="mse or cross_entropy")
    vectorise: bool = Field(description="true or false")
    compile: Literal["auto"] | bool = Field(description="auto, true or false")
    lanes: Literal["auto"] | Count = Field(description=AUTO_OR_COUNT)
    stop_when_decided: bool = Field(description="true or false")
    stop_accuracy: float | None = Field(
        gt=0, le=1, description="null (the rule's thresholds) or a number above 0, at most 1"
    )
    keep_state: bool = Field(description="true or false")
    curve_points_per_decade: int = Field(
        ge=0, description="a whole number >= 0 (0: every evaluation is kept)"
    )


class Phase(_Section):
    name: Literal["first_crossing", "final_accuracy"] = Field(
        description="first_crossing or final_accuracy"
    )
    train_accuracy: float = Field(gt=0, le=1, description="a number above 0, at most 1")
    val_accuracy: float = Field(gt=0, le=1, description="a number above 0, at most 1")
    gap: Count | Annotated[float, Field(gt=0, lt=1)] | None = Field(
        None,
        description="a whole number >= 1 (steps) or a number between 0 and 1 (share of "
        "train.steps)",
    )
    slack: float | None = Field(None, ge=0, lt=1, description="a number from 0 to below 1")


class Launch(_Section):
    """What every launch has."""

    name: Literal["inline", "local", "slurm"] = Field(description="inline, local or slurm")
    device: Literal["auto", "cpu", "cuda"] = Field(description="auto, cpu or cuda")
    flush_s: float = Field(ge=0, description="a number of seconds >= 0 (0: at every evaluation)")
    checkpoint_s: float = Field(
        ge=0, description="a number of seconds >= 0 (0: at every evaluation)"
    )
    max_attempts: int = Field(ge=1, description="a whole number >= 1")


class Here(Launch):
    """On this machine: inline or local."""

    workers: Literal["auto"] | Count = Field(description=AUTO_OR_COUNT)
    # Defaults for directories planned before there were these keys.
    threads: int = Field(1, ge=1, description="a whole number >= 1")
    devices: Annotated[list[int | str], Field(min_length=1), AfterValidator(_different)] | None = (
        Field(None, description="null (all) or a list of different GPUs, like [0, 2]")
    )


class Slurm(Launch):
    partition: str | None = Field(description="null or a partition's name (sinfo lists them)")
    account: str | None = Field(description="null or an account's name")
    qos: str | None = Field(description="null or the name of a quality of service")
    constraint: str | None = Field(description="null or a kind of node, like a100")
    gpus_per_node: int = Field(ge=0, description="a whole number >= 0 (0: a CPU job)")
    cpus_per_task: int = Field(ge=1, description="a whole number >= 1")
    mem_gb: float | None = Field(
        gt=0, description="null (as the site gives it) or a number of GB > 0"
    )
    timeout_min: int = Field(ge=1, description="a whole number of minutes >= 1")
    array_parallelism: int = Field(ge=1, description="a whole number >= 1")
    max_array_size: int | None = Field(
        ge=1, description="null (as the site says) or a whole number >= 1"
    )
    max_queued: int | None = Field(ge=1, description="null (no limit) or a whole number >= 1")
    runs_per_pack: Literal["auto"] | Count = Field(description=AUTO_OR_COUNT)
    setup: list[str] = Field(description="a list of shell lines, like [module load cuda]")
    parameters: dict[str, bool | int | float | str] = Field(
        description="a mapping of sbatch options, like {exclude: node7}"
    )
    python: str | None = Field(description="null or a command that starts Python on the nodes")
    wait: bool = Field(description="true or false")


class Storing(_Section):
    """What is kept besides rows; it changes no run."""

    weights: Literal["none", "final"] = Field(
        default="none", description="none, or final (of every run, in weights/)"
    )


class Axis(_Section):
    param: str = Field(description="a dotted key of the configuration, like optim.lr")
    values: list[Scalar] | None = Field(None, description="a list of numbers or words")
    low: float | None = Field(None, description="a number")
    high: float | None = Field(None, description="a number")
    num: int | None = Field(None, ge=1, le=10_000, description="a whole number from 1 to 10000")
    scale: Literal["linear", "log"] = Field("linear", description="linear or log")
    zero: bool = Field(False, description="true or false")


class Refine(_Section):
    """Keys not given have the defaults of `phasegrok.config.refinement`."""

    method: Literal["dyadic"] = Field("dyadic", description="dyadic")
    start: int | Annotated[list[int], Field(min_length=2, max_length=2)] | None = Field(
        None,
        description="null (the largest of 2, 3, 5, 9, 17 up to num), one of them, or two, for x "
        "and y",
    )
    levels: Annotated[int, Field(ge=0, le=12)] | None = Field(
        None, description="null (as num needs) or how often distances are halved, from 0 to 12"
    )
    first_seeds: Count | None = Field(
        None, description="null (as many as make a majority) or a whole number >= 1"
    )
    jump: float | None = Field(None, gt=1, description="null or a number > 1")
    probes: float = Field(0, ge=0, le=1, description="a number from 0 to 1")
    max_runs: Count | None = Field(None, description="null (no limit) or a whole number >= 1")


class Sweep(_Section):
    name: str = Field(
        pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$",
        description="a name of letters, digits, _ . and - (the answer's folder is called so)",
    )
    x: Axis = Field(
        description="an axis like {param: optim.lr, scale: log, low: 1e-4, high: 1, num: 9}"
    )
    y: Axis = Field(description="an axis like {param: task.train_fraction, values: [0.3, 0.5]}")
    row: Axis | None = Field(None, description="null or an axis")
    col: Axis | None = Field(None, description="null or an axis")
    refine: Refine | None = Field(
        None, description="null or a mapping like {method: dyadic, max_runs: 2000}"
    )
    zip: Annotated[list[AxisName], Field(min_length=2), AfterValidator(_different)] | None = Field(
        None, description="null or a list of two or more different axes, like [x, row]"
    )


class Composed(_Section):
    """All that Hydra composes, save its own `hydra` node."""

    task: dict[str, Any] = Field(description="a mapping; choose one with task=NAME")
    model: dict[str, Any] = Field(description="a mapping; choose one with model=NAME")
    optim: Optim = Field(description="a mapping; choose one with optim=NAME")
    train: Train = Field(description="a mapping; choose one with train=NAME")
    phase: Phase = Field(description="a mapping; choose one with phase=NAME")
    launch: Here = Field(description="a mapping; choose one with launch=NAME")
    seeds: Count | Seeds = Field(
        description="how many (a whole number >= 1), or a list of different whole numbers >= 0"
    )
    split_seed: int | None = Field(ge=0, description="null (the run's seed) or a whole number >= 0")
    out: str | None = Field(
        min_length=1, description="null or a folder's name (a number in quotes: out='\"7\"')"
    )
    reuse: list[str] = Field(description="a list of folders, like [outputs/a,outputs/b]")
    # Directories planned before there was this key have none.
    store: Storing = Field(Storing(), description="a mapping like {weights: final}")
    dry_run: bool = Field(description="true or false")
    sweep: Sweep = Field(description="a sweep; choose one with +sweep=NAME")


class ComposedForSlurm(Composed):
    """The same with `launch=slurm`."""

    launch: Slurm = Field(  # pyright: ignore[reportIncompatibleVariableOverride]
        description="a mapping; choose one with launch=NAME"
    )


def schema_of(config: Mapping[str, Any]) -> type[Composed]:
    """The schema that a composed configuration, whatever it holds, is checked against."""
    launch = config.get("launch")
    named = launch.get("name") if isinstance(launch, Mapping) else None
    return ComposedForSlurm if named == "slurm" else Composed
