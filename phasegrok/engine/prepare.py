"""What one run starts from: parameters, split, labels, numbers; made on the CPU from its seed.

An outside recipe can be replayed exactly by giving any of these explicitly (`Given`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor, nn

from phasegrok import models, observables, optim, tasks
from phasegrok.cells import Config, Run, shared_part
from phasegrok.engine.batches import MAX_EXAMPLES
from phasegrok.errors import InputError
from phasegrok.models import layers
from phasegrok.streams import seed_for

DTYPES = {"float32": torch.float32, "float64": torch.float64}

Array = np.ndarray | Tensor


@dataclass(frozen=True)
class Given:
    """Explicit beginnings of a run; whatever is None is drawn from the run's seed.

    Attributes:
        params: name -> tensor, as the model's `named_parameters()`; taken as they are (init_scale
            is not applied).
        train_indices: int64 [n_train], in the order the training set is presented.
        labels: int64 [examples], the label of every example (training labels may be wrong).
        codebook: float [classes, outputs], the target vector of every class.
        batches: int64 [steps, batch], positions in train_indices used at each step; repeats from
            the top when it is shorter than the run.
    """

    params: Mapping[str, Array] | None = None
    train_indices: Array | None = None
    labels: Array | None = None
    codebook: Array | None = None
    batches: Array | None = None


@dataclass(frozen=True)
class Prepared:
    """A run ready for a lane; all tensors on the CPU. Runs of one task share `inputs`.

    Shapes: inputs [examples, k], int64 symbols or reals of the run's dtype; labels [examples];
    in_train [examples] bool; train_indices [n_train]; corrupted [examples] bool, or None without
    label noise; codebook [classes, outputs] or None; batches [steps, batch] or None.
    `within` is that of the dataset. `hyper` holds the numbers that vary per lane; `batch_seed`
    seeds the minibatch stream.
    """

    run: Run
    params: dict[str, Tensor]
    buffers: dict[str, Tensor]
    inputs: Tensor
    labels: Tensor
    in_train: Tensor
    train_indices: Tensor
    corrupted: Tensor | None
    codebook: Tensor | None
    within: float | None
    batches: Tensor | None
    hyper: dict[str, float]
    batch_seed: int
    budget: int
    module: nn.Module = field(repr=False)
    observables: tuple[str, ...]

    @property
    def train_total(self) -> int:
        return len(self.train_indices)

    @property
    def totals(self) -> dict[str, int]:
        """How many examples there are of each sort whose right answers are counted."""
        train = self.train_total
        noisy = 0 if self.corrupted is None else int(self.corrupted.sum())
        return {"train": train, "val": len(self.labels) - train,
                "corrupted": noisy, "clean": train - noisy}  # fmt: skip

    @property
    def batch(self) -> int | None:
        """Examples that a step draws from the training set; None: it sees all of it."""
        if self.batches is not None:
            return self.batches.shape[1]
        size = self.run.config["train"].get("batch_size")
        return size if size and size < self.train_total else None


def prepare(run: Run, given: Given | None = None) -> Prepared:
    """Everything a run starts from, drawn from its own named streams.

    Raises:
        InputError: `given` does not fit the run, or the run's network cannot be built.
    """
    given = given or Given()
    config, seed = run.config, run.config["seed"]
    dtype = DTYPES[config["train"]["dtype"]]
    dataset = tasks.dataset(config["task"], seed)
    indices = given.train_indices
    if indices is None:
        indices = tasks.split(config["task"], config["split_seed"])
    if found := _given_faults(given, dataset, len(np.asarray(indices))):
        raise InputError(found)
    train_indices = torch.tensor(np.asarray(indices), dtype=torch.int64)
    if config["train"].get("batch_size") and len(train_indices) > MAX_EXAMPLES:
        raise InputError(
            f"train.batch_size: minibatches are drawn from at most {MAX_EXAMPLES} training "
            f"examples; there are {len(train_indices)}"
        )
    labels = given.labels
    if labels is None:
        labels = tasks.noisy_labels(config["task"], dataset, np.asarray(indices), seed)
    codebook = dataset.codebook if given.codebook is None else given.codebook
    module = build(config, dataset.sizes)
    params = initial_params(module, config)
    if given.params is not None:
        params = _as_in(params, given.params)
    corrupted = None
    if config["task"].get("label_noise"):
        corrupted = _mask(tasks.corrupted(config["task"], train_indices), dataset)
    params = {k: torch.as_tensor(v).to(dtype, copy=True) for k, v in params.items()}
    return Prepared(
        run=run,
        params=params,
        buffers=initial_buffers(module, seed, dtype),
        inputs=_inputs(tasks.table(config["task"]), dtype),
        labels=torch.tensor(np.asarray(labels), dtype=torch.int64),
        in_train=_mask(train_indices, dataset),
        train_indices=train_indices,
        corrupted=corrupted,
        codebook=None if codebook is None else torch.tensor(np.asarray(codebook), dtype=dtype),
        within=dataset.within,
        batches=None if given.batches is None else torch.tensor(np.asarray(given.batches)),
        hyper=optim.hyperparameters(config["optim"], params),
        batch_seed=seed_for(seed, "batches"),
        budget=config["train"]["steps"],
        module=module,
        observables=observables.of(shared_part(config)),
    )


def _mask(indices: Tensor, dataset: tasks.Dataset) -> Tensor:
    """Which of all examples these are, bool [examples]."""
    mask = torch.zeros(len(dataset.labels), dtype=torch.bool)
    mask[indices] = True
    return mask


@lru_cache(maxsize=1)
def _inputs(table: tasks.Dataset, dtype: torch.dtype) -> Tensor:
    """All examples as a tensor; made once for all runs of a pack, for it may be large."""
    return _cast(torch.tensor(table.inputs), dtype)


def build(config: Config, sizes: Mapping[str, int]) -> nn.Module:
    """The run's model, initialised from (seed, "init"); the global generator is left as it was."""
    with torch.random.fork_rng(devices=[]):
        seed, model = config["seed"], config["model"]
        # torch.manual_seed would reseed GPUs too.
        torch.default_generator.manual_seed(
            seed if models.plain_seed(model) else seed_for(seed, "init")
        )
        return models.build(model, sizes)


def initial_params(module: nn.Module, config: Config) -> dict[str, Tensor]:
    """The model's parameters times `init_scale` (Omnigrok's alpha: weights and biases alike)."""
    scale = config["model"].get("init_scale")
    scale = 1.0 if scale is None else scale
    return {k: v.detach() * scale for k, v in module.named_parameters()}


def initial_buffers(module: nn.Module, seed: int, dtype: torch.dtype) -> dict[str, Tensor]:
    """The model's buffers; each of its Dropout layers has a stream of its own, by its name."""
    buffers = {k: _cast(v, dtype) for k, v in module.named_buffers()}
    for name in layers.dropouts(module):
        buffers[f"{name}.seed"] = torch.tensor(seed_for(seed, f"dropout {name}"))
    return buffers


def _given_faults(given: Given, dataset: tasks.Dataset, n_train: int) -> list[str]:
    """What of the explicit beginnings, but for the parameters, does not fit the task."""
    examples, classes = len(dataset.labels), dataset.classes
    found = []
    if given.train_indices is not None:
        indices = np.asarray(given.train_indices)
        if indices.ndim != 1 or not 0 < len(indices) < examples:
            found.append(
                f"given train_indices: must be 1 to {examples - 1} of the {examples} examples, so "
                f"that some are left to validate, not of shape {list(indices.shape)}"
            )
        elif len(np.unique(indices)) < len(indices):
            found.append("given train_indices: an example stands in them twice")
        found += _out_of_range("train_indices", indices, examples)
    if given.labels is not None:
        found += _other_shape("labels", given.labels, [examples])
        found += _out_of_range("labels", given.labels, classes)
    if given.codebook is not None:
        found += _other_shape("codebook", given.codebook, [classes, dataset.outputs])
    if given.batches is not None:
        shape = list(np.shape(given.batches))
        if len(shape) != 2 or 0 in shape:
            found.append(f"given batches: must be [steps, batch], not of shape {shape}")
        found += _out_of_range("batches", given.batches, n_train)
    return found


def _other_shape(name: str, values: Array, wanted: list[int]) -> list[str]:
    shape = list(np.shape(values))
    return [] if shape == wanted else [f"given {name}: must have shape {wanted}, has {shape}"]


def _out_of_range(name: str, values: Array, count: int) -> list[str]:
    numbers = np.asarray(values)
    if not numbers.size or (numbers.min() >= 0 and numbers.max() < count):
        return []
    return [f"given {name}: must be from 0 to {count - 1}, are from {numbers.min()} to "
            f"{numbers.max()}"]  # fmt: skip


def _as_in(model: Mapping[str, Tensor], given: Mapping[str, Array]) -> dict[str, Array]:
    """The given parameters in the model's order; a missing one would silently not be trained."""
    wanted = {name: list(value.shape) for name, value in model.items()}
    found = {name: list(np.shape(value)) for name, value in given.items()}
    if wanted != found:
        differ = sorted(n for n in wanted | found if wanted.get(n) != found.get(n))
        lines = [f"given params: {n} is {found.get(n, 'missing')}, the model has "
                 f"{wanted.get(n, 'no such parameter')}" for n in differ]  # fmt: skip
        raise InputError(lines)
    return {name: given[name] for name in wanted}


def _cast(buffer: Tensor, dtype: torch.dtype) -> Tensor:
    return buffer.detach().to(dtype if buffer.is_floating_point() else buffer.dtype)
