"""The faults of one concrete configuration: types first, then what the values mean together.

Every fault begins with its dotted key, `KEY = VALUE: ...` or `KEY is missing: ...`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from phasegrok import models, tasks
from phasegrok.cells import Config, lookup
from phasegrok.config.schema import Composed, Phase, schema_of
from phasegrok.config.words import leaves, meant, shown
from phasegrok.phases import KINDS, NUMBERS
from phasegrok.words import counted

# What pydantic calls a key that the schema does not have.
UNKNOWN_KEY = ("extra_forbidden", "invalid_key")

Place = tuple[str, str, type[BaseModel] | None]

# What OmegaConf keeps in the place of a value that has to be given.
TO_BE_GIVEN = "???"


def faults(config: Config) -> list[str]:
    """Everything wrong with a configuration, its axes aside; a key is named once."""
    found: dict[str, str] = {}
    for key in leaves(config):
        if lookup(config, key) == TO_BE_GIVEN:
            found[key] = f"{key} is missing: it has no default; give it as {key}=..."
    for fault in typed(config):
        found.setdefault(key_of(fault), fault)
    for fault in _meant_together(config, set(found)):
        found.setdefault(key_of(fault), fault)
    return list(found.values())


def key_of(fault: str) -> str:
    """The dotted key that a fault begins with."""
    return fault.split(" ", 1)[0]


def is_below(key: str, section: str) -> bool:
    """Whether a dotted key is a section's, or is the section itself."""
    return key == section or key.startswith(f"{section}.")


# ---------------------------------------------------------------------------------------- types


def typed(config: Config) -> list[str]:
    """The faults that the schema finds: unknown and missing keys, wrong types, out of range."""
    schema = schema_of(config)
    try:
        schema.model_validate(config)
    except ValidationError as error:
        found = [(fault["type"], *_place(fault["loc"], schema)) for fault in error.errors()]
        strange = {key for kind, key, _, _ in found if kind in UNKNOWN_KEY}
        known = [key for key in leaves(config) if not any(is_below(key, s) for s in strange)]
        return [_sentence(config, *fault, known) for fault in found]
    return []


def _sentence(
    config: Config,
    kind: str,
    key: str,
    allowed: str,
    owner: type[BaseModel] | None,
    known: list[str],
) -> str:
    if kind == "missing":
        return f"{key} is missing: it must be {allowed}"
    value = shown(_value(config, key))
    if kind not in UNKNOWN_KEY:
        return f"{key} = {value}: must be {allowed}"
    section, taken = key.rpartition(".")[0], list(owner.model_fields) if owner else []
    here = [f"{section}.{name}" if section else name for name in taken]
    hint = meant(key, [*here, *known]) or f"; known here are {', '.join(taken)}"
    return f"{key} = {value}: no such key{hint}"


def _place(loc: tuple[int | str, ...], schema: type[Composed]) -> Place:
    """The dotted key, what it may hold, and the section it stands in, of a pydantic location.

    Locations go on below a key, into list items and the members of unions; those parts are cut.
    """
    section: type[BaseModel] | None = schema
    owner, key, allowed, free_name = None, [], "", False
    for part in loc:
        if free_name:  # a name of the user's own, as in optim.groups.NAME
            key, free_name = [*key, str(part)], False
            continue
        if section is None:
            break
        owner, key = section, [*key, str(part)]
        field = section.model_fields.get(str(part))
        if field is None:
            break
        allowed = field.description or ""
        free_name = get_origin(field.annotation) is dict
        section = next(_sections_in(field.annotation), None)
    return ".".join(key), allowed, owner


def _sections_in(annotation: Any) -> Iterator[type[BaseModel]]:
    for candidate in (annotation, *get_args(annotation)):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            yield candidate


def _value(config: Config, key: str) -> Any:
    try:
        return lookup(config, key)
    except KeyError:
        return None


# -------------------------------------------------------------------------------------- meaning


def _meant_together(config: Config, bad: set[str]) -> Iterator[str]:
    """Faults that the types cannot show. `bad` are keys already known to be wrong."""
    task, model = config.get("task"), config.get("model")
    task_faults = tasks.faults(task) if isinstance(task, Mapping) else [""]
    model_faults = models.faults(model) if isinstance(model, Mapping) else [""]
    sections = {"task", "model", "optim", "train", "phase", "launch"}
    sound = sections - {key.partition(".")[0] for key in bad}
    yield from filter(None, [*task_faults, *model_faults])
    if isinstance(task, Mapping) and isinstance(model, Mapping):
        yield from _fit_faults(task, model)
    if {"task", "train"} <= sound and not task_faults:
        yield from _loss_faults(config)
    if "optim" in sound:
        yield from _optim_faults(config["optim"])
    if {"model", "optim"} <= sound and not model_faults:
        yield from _group_faults(config)
    if {"model", "train"} <= sound and not model_faults:
        yield from _norm_faults(config["model"], config["train"])
    if "train" in sound:
        yield from _step_faults(config["train"])
    if "launch" in sound:
        yield from _launch_faults(config["launch"])
    if {"train", "phase"} <= sound:
        yield from _rule_faults(config["train"], config["phase"])


def _fit_faults(task: Mapping[str, Any], model: Mapping[str, Any]) -> Iterator[str]:
    """A network that reads pairs of symbols, and a task of real vectors, or the reverse."""
    given, read = tasks.inputs(task), models.reads(model)
    if model.get("init") == "analytic" and given is not None:
        yield from _closed_form_faults(task)
    if given is None or read is None or given == read:
        return
    words = {"pairs": "pairs of symbols", "vectors": "real vectors", "tokens": "texts",
             "graphs": "graphs"}  # fmt: skip
    fitting = [name for name, kind in models.KINDS.items() if kind.reads == given]
    yield (
        f"model.name = {model['name']}: reads {words[read]}, but the inputs of {task['name']} are "
        f"{words[given]}; choose model={' or '.join(fitting)}, or your own (model=own)"
    )


def _closed_form_faults(task: Mapping[str, Any]) -> Iterator[str]:
    pairs = task["name"] == "binary_operation"
    if not (
        pairs and task.get("operation") in (None, "x+y")
    ):  # one that is missing is told already
        other = f"task.operation is {task['operation']}" if pairs else f"the task is {task['name']}"
        yield (
            f"model.init = analytic: is the network of x+y modulo task.p, and {other}; set "
            "model.init=null, or choose task=modular_addition"
        )


def _loss_faults(config: Config) -> Iterator[str]:
    if config["train"]["loss"] != "mse" and tasks.has_codebook(config["task"]):
        choice = " (or set task.targets=classes)" if "targets" in config["task"] else ""
        yield (
            f"train.loss = {config['train']['loss']}: must be mse, because the targets of "
            f"{config['task']['name']} are real vectors{choice}"
        )


def _optim_faults(optim: Mapping[str, Any]) -> Iterator[str]:
    """A setting that the optimiser does not read would change a run's id and nothing else."""
    name = optim["name"]
    unread = ("betas", "eps") if name == "sgd" else ("momentum",)
    for key in unread:
        if optim.get(key):
            yield (
                f"optim.{key} = {shown(optim[key])}: must be null, for {name} does not read it; "
                f"set optim.{key}=null (and choose {name} by optim={name})"
            )


def _group_faults(config: Config) -> Iterator[str]:
    parts = models.parts(config["model"])
    for group in config["optim"].get("groups") or {}:
        if parts and group not in parts:
            yield (
                f"optim.groups.{group} is no part of the model {config['model']['name']}, whose "
                f"parts are {', '.join(parts)}"
            )


def _norm_faults(model: Mapping[str, Any], train: Mapping[str, Any]) -> Iterator[str]:
    if model.get("norm") == "batch" and train["batch_size"] == 1:
        yield "train.batch_size = 1: one example has no variance, which model.norm = batch needs"


def _step_faults(train: Mapping[str, Any]) -> Iterator[str]:
    steps, every = train["steps"], train["eval_every"]
    if steps % every:
        near = [str(n) for n in (steps - steps % every, steps - steps % every + every) if n]
        yield (
            f"train.steps = {steps}: must be a multiple of train.eval_every = {every}, so that "
            f"the last step is evaluated; nearest: {' or '.join(near)}"
        )


# Options of sbatch that are the launch's own keys, or that phasegrok finds its jobs and logs by.
_OF_SBATCH = {
    **{name: f"launch.{name}" for name in ("partition", "account", "qos", "constraint")},
    **{name: f"launch.{name}" for name in ("gpus_per_node", "cpus_per_task")},
    "mem": "launch.mem_gb",
    "time": "launch.timeout_min",
    **dict.fromkeys(("array", "job_name", "output", "error", "nodes", "ntasks"), ""),
}


def _launch_faults(launch: Mapping[str, Any]) -> Iterator[str]:
    if launch["name"] != "slurm":
        if launch["device"] == "cpu" and launch.get("devices"):
            yield (
                f"launch.devices = {shown(launch['devices'])}: names GPUs, but launch.device = cpu "
                "uses none; leave out one of the two"
            )
        if launch["name"] == "inline" and len(launch.get("devices") or ()) > 1:
            yield (
                f"launch.devices = {shown(launch['devices'])}: launch=inline trains in this "
                "process, on one GPU; name one, or train with launch=local"
            )
        return
    if launch["device"] == "cuda" and not launch["gpus_per_node"]:
        yield "launch.device = cuda: needs launch.gpus_per_node >= 1; it is 0, for CPU jobs"
    if launch["device"] == "cpu" and launch["gpus_per_node"]:
        yield (
            "launch.device = cpu: would leave "
            f"{counted(launch['gpus_per_node'], 'GPU')} a job idle; "
            "CPU jobs need launch.gpus_per_node = 0"
        )
    for name in launch["parameters"]:
        key = _OF_SBATCH.get(name.replace("-", "_"))
        if key is not None:
            advice = f"set {key}" if key else "phasegrok sets it by itself"
            yield f"launch.parameters.{name}: {advice}"


def _rule_faults(train: Mapping[str, Any], phase: Mapping[str, Any]) -> Iterator[str]:
    """A rule by which no run could grok, or which its runs end too early to be judged by."""
    name, kind, stop = phase["name"], KINDS[phase["name"]], train["stop_accuracy"]
    for number in NUMBERS:
        given = phase.get(number)
        if number in kind.numbers and given is None:
            allowed = Phase.model_fields[number].description
            yield f"phase.{number} is missing: it must be {allowed}"
        elif number not in kind.numbers and given is not None:
            yield (
                f"phase.{number} = {shown(given)}: must be null, for the rule {name} does not read "
                f"it; set phase.{number}=null"
            )
    if not kind.retires:
        if stop is not None:
            yield (
                f"train.stop_accuracy = {stop}: must be null, for the rule {name} reads the "
                "accuracies at the end of the budget, and no run may stop before it"
            )
        return
    gap, steps = phase.get("gap"), train["steps"]
    if gap is not None and gap >= steps:
        yield (
            f"phase.gap = {gap}: must be below train.steps = {steps}, or no run could be called "
            "grokking (a number below 1 is a share of train.steps)"
        )
    needed = max(phase["train_accuracy"], phase["val_accuracy"])
    if stop is not None and stop < needed:
        yield (
            f"train.stop_accuracy = {stop}: must not be below phase.train_accuracy or "
            f"phase.val_accuracy, at most {needed} here, or runs stop before they can be judged"
        )
