"""The same mathematics in JAX: K runs under jit(vmap), lax.scan between evaluations.

JAX is an optional dependency of the benchmark and of nothing else. A table of symbols is read by
`gather` (rows by index) or `onehot` (dense one-hot vectors times the table); which is faster
depends on the device, so the benchmark tries both. Carried arrays are donated, and nothing waits
for the host before the last step.
"""

# pyright: reportMissingImports=false
from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from benchmarks.cases import EVAL_EVERY, Curve
from phasegrok.cells import Config, Run
from phasegrok.engine import Given, Prepared, prepare

Arrays = dict[str, Array]
# params, first moments, second moments, steps done
State = tuple[Arrays, Arrays, Arrays, Array]
Forward = Callable[[Arrays, Array], Array]

# The arrays' dtype decides: no TF32 on a GPU, like the other columns.
jax.config.update("jax_default_matmul_precision", "highest")


class JaxVmap:
    """Trains all its runs side by side; what they start from is made beforehand."""

    def __init__(
        self,
        runs: Sequence[Run],
        *,
        tables: str = "gather",
        given: Mapping[str, Given] | None = None,
    ):
        config = runs[0].config
        jax.config.update("jax_enable_x64", config["train"]["dtype"] == "float64")
        starts = [prepare(run, (given or {}).get(run.run_id)) for run in runs]
        self.runs = len(runs)
        self.told = {"tables": tables, "lanes": len(runs), "platform": jax.default_backend()}
        self._params = stacked([start.params for start in starts])
        self._data = stacked([lane_data(start) for start in starts])
        self._data["inputs"] = coded(starts[0], tables)
        self._data["train_inputs"] = self._data["inputs"][self._data.pop("order")]
        axes = {key: None if key == "inputs" else 0 for key in self._data}
        advance, evaluate = one_run(config)
        self._advance = jax.jit(jax.vmap(advance, in_axes=(0, axes)), donate_argnums=0)
        self._evaluate = jax.jit(jax.vmap(evaluate, in_axes=(0, axes)))

    def train(self, steps: int) -> list[Curve]:
        """Every run from its start, `steps` steps far (a multiple of EVAL_EVERY)."""
        params = jax.tree.map(jnp.array, self._params)  # a copy, to be donated
        state: State = (
            params,
            jax.tree.map(jnp.zeros_like, params),
            jax.tree.map(jnp.zeros_like, params),
            jnp.zeros(self.runs, jnp.int32),
        )
        seen = [self._evaluate(params, self._data)]
        for _ in range(steps // EVAL_EVERY):
            state, measured = self._advance(state, self._data)
            seen.append(measured)
        return np.stack([np.asarray(rows) for rows in seen], axis=1).tolist()


def stacked(starts: Sequence[Mapping[str, Any]]) -> Arrays:
    return {key: jnp.asarray(np.stack([np.asarray(start[key]) for start in starts]))
            for key in starts[0]}  # fmt: skip


def lane_data(start: Prepared) -> dict[str, Any]:
    """What a run reads while it trains, apart from the inputs."""
    numbers = start.run.config["optim"]
    dtype = next(iter(start.params.values())).numpy().dtype
    data: dict[str, Any] = {
        "order": start.train_indices,
        "labels": start.labels.int(),
        "train_labels": start.labels[start.train_indices].int(),
        "in_train": start.in_train,
        "key": jax.random.PRNGKey(start.run.seed),
    }
    data |= {key: np.asarray(numbers[key], dtype) for key in ("lr", "weight_decay")}
    for part, own in numbers["groups"].items():
        data |= {f"{part}.{key}": np.asarray(value, dtype) for key, value in own.items()}
    if start.codebook is not None:
        data["codebook"] = start.codebook
    if start.batches is not None:
        data["batches"] = start.batches.int()
    return data


def coded(start: Prepared, tables: str) -> Array:
    """All inputs as the networks read them: vectors as they are, symbols as `tables` says."""
    inputs = start.inputs.numpy()
    if inputs.dtype.kind == "f":
        return jnp.asarray(inputs)
    if tables == "gather":
        return jnp.asarray(inputs, jnp.int32)
    dtype = next(iter(start.params.values())).numpy().dtype
    return jax.nn.one_hot(inputs, int(inputs.max()) + 1, dtype=dtype)


# -------------------------------------------------------------------------------------- one run


def one_run(config: Config) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """EVAL_EVERY steps with the evaluation behind them, and the evaluation, of a single run."""
    forward = FORWARD[config["model"]["name"]]
    per_example = partial(losses, config["train"]["loss"])
    betas, eps = config["optim"]["betas"], config["optim"]["eps"]
    batch_size = config["train"]["batch_size"]

    def mean_loss(params: Arrays, data: Arrays, positions: Array | None) -> Array:
        inputs, labels = data["train_inputs"], data["train_labels"]
        if positions is not None:
            inputs, labels = inputs[positions], labels[positions]
        return per_example(forward(params, inputs), labels, data.get("codebook")).mean()

    def advance(state: State, data: Arrays) -> tuple[State, Array]:
        def step(state: State, positions: Array | None) -> tuple[State, None]:
            grads = jax.grad(mean_loss)(state[0], data, positions)
            return adamw(state, grads, data, betas, eps), None

        positions = batches(data, state[3], batch_size)
        state, _ = lax.scan(step, state, positions, length=EVAL_EVERY)
        return state, evaluate(state[0], data)

    def evaluate(params: Arrays, data: Arrays) -> Array:
        outputs, in_train = forward(params, data["inputs"]), data["in_train"]
        each = per_example(outputs, data["labels"], data.get("codebook"))
        right = predictions(outputs, data.get("codebook")) == data["labels"]
        of_train, of_val = in_train.sum(), (~in_train).sum()
        norm = jnp.sqrt(sum(jnp.square(p).sum() for p in params.values()))
        return jnp.stack([
            jnp.where(in_train, each, 0).sum() / of_train,
            jnp.where(in_train, 0, each).sum() / of_val,
            (right & in_train).sum() / of_train,
            (right & ~in_train).sum() / of_val,
            norm,
        ])  # fmt: skip

    return advance, evaluate


def batches(data: Arrays, done: Array, size: int | None) -> Array | None:
    """Positions in the training set for the next EVAL_EVERY steps, [steps, size]; None: all.

    Epochs are permutations without replacement; after each evaluation a new one begins.
    """
    if "batches" in data:
        steps = (done + jnp.arange(EVAL_EVERY)) % len(data["batches"])
        return data["batches"][steps]
    if size is None:
        return None
    examples = len(data["train_labels"])
    per_epoch = examples // size
    keys = jax.random.split(jax.random.fold_in(data["key"], done), -(-EVAL_EVERY // per_epoch))
    orders = jax.vmap(lambda key: jax.random.permutation(key, examples))(keys)
    return orders[:, : per_epoch * size].reshape(-1, size)[:EVAL_EVERY]


def adamw(state: State, grads: Arrays, data: Arrays, betas: Sequence[float], eps: float) -> State:
    """One update as torch.optim.AdamW makes it; parts may have their own lr and weight decay."""
    params, firsts, seconds, done = state
    beta1, beta2 = betas
    time = (done + 1).astype(data["lr"].dtype)
    updated: tuple[Arrays, Arrays, Arrays] = ({}, {}, {})
    for key, grad in grads.items():
        part = key.partition(".")[0]
        lr = data.get(f"{part}.lr", data["lr"])
        decay = data.get(f"{part}.weight_decay", data["weight_decay"])
        first = beta1 * firsts[key] + (1 - beta1) * grad
        second = beta2 * seconds[key] + (1 - beta2) * grad * grad
        scale = jnp.sqrt(second) / jnp.sqrt(1 - beta2**time) + eps
        moved = params[key] * (1 - lr * decay) - lr / (1 - beta1**time) * first / scale
        for new, value in zip(updated, (moved, first, second), strict=True):
            new[key] = value
    return *updated, done + 1


def losses(name: str, outputs: Array, labels: Array, codebook: Array | None) -> Array:
    """The loss of each example, [n]."""
    if name == "cross_entropy":
        scores = jax.nn.log_softmax(outputs)
        return -jnp.take_along_axis(scores, labels[:, None], axis=1)[:, 0]
    if codebook is not None:
        targets = codebook[labels]
    else:
        targets = jax.nn.one_hot(labels, outputs.shape[-1], dtype=outputs.dtype)
    return jnp.square(outputs - targets).mean(-1)


def predictions(outputs: Array, codebook: Array | None) -> Array:
    if codebook is None:
        return outputs.argmax(-1)
    return jnp.square(outputs[:, None] - codebook).sum(-1).argmin(-1)


# --------------------------------------------------------------------------------- the networks


def rows(table: Array, symbols: Array) -> Array:
    """The table's rows of these symbols, given as indices or as one-hot vectors."""
    return table[symbols] if symbols.dtype.kind == "i" else symbols @ table[: symbols.shape[-1]]


def quadratic_mlp(p: Arrays, pairs: Array) -> Array:
    hidden = rows(p["left"], pairs[:, 0]) + rows(p["right"], pairs[:, 1])
    return jnp.square(hidden) @ p["readout"]


def relu_mlp(p: Arrays, pairs: Array) -> Array:
    table = p["embedding.weight"][0]
    joined = jnp.concatenate([rows(table, pairs[:, 0]), rows(table, pairs[:, 1])], axis=-1)
    return linear(p, "readout", jax.nn.relu(linear(p, "hidden.0", joined)))


def toy(p: Arrays, pairs: Array) -> Array:
    x = rows(p["embedding"], pairs[:, 0]) + rows(p["embedding"], pairs[:, 1])
    for layer in ("decoder.0", "decoder.2"):
        x = jnp.tanh(linear(p, layer, x))
    return linear(p, "decoder.4", x)


def vector_mlp(p: Arrays, x: Array) -> Array:
    for layer in ("hidden.0", "hidden.1"):
        x = jax.nn.relu(linear(p, layer, x))
    return linear(p, "readout", x)


def transformer(p: Arrays, pairs: Array, heads: int = 4) -> Array:
    """One block without normalisation; only the last token asks."""
    a, b = rows(p["embedding"], pairs[:, 0]), rows(p["embedding"], pairs[:, 1])
    equals = jnp.broadcast_to(p["embedding"][-1], a.shape)
    x = jnp.stack([a, b, equals], axis=1) + p["positions"]
    last = x[:, -1]

    def split(part: str, tokens: Array) -> Array:
        projected = linear(p, f"blocks.0.attention.{part}", tokens)
        return projected.reshape(*projected.shape[:-1], heads, -1)

    query, key, value = split("query", last), split("key", x), split("value", x)
    scores = jnp.einsum("nhd,nthd->nht", query, key) / math.sqrt(key.shape[-1])
    mixed = jnp.einsum("nht,nthd->nhd", jax.nn.softmax(scores), value)
    last = last + linear(p, "blocks.0.attention.out", mixed.reshape(last.shape))
    hidden = jax.nn.relu(linear(p, "blocks.0.mlp.0", last))
    return linear(p, "readout", last + linear(p, "blocks.0.mlp.2", hidden))


def linear(p: Arrays, layer: str, x: Array) -> Array:
    product = x @ p[f"{layer}.weight"].T
    bias = p.get(f"{layer}.bias")
    return product if bias is None else product + bias


FORWARD: dict[str, Forward] = {
    "quadratic_mlp": quadratic_mlp,
    "mlp": relu_mlp,
    "liu2022_toy": toy,
    "transformer": transformer,
    "vector_mlp": vector_mlp,
}
