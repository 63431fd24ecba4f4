"""AdamW, Adam and SGD as functions of one run's tensors, as in torch.optim.

`torch.optim` keeps its settings in Python and its state in objects, so it cannot give every lane
its own learning rate under `vmap`. These functions do the same arithmetic in the same order
(the tests compare them with torch.optim to 1e-8 over 50 steps in float64). Hyperparameters are
0-d float64 tensors, so a lane's scalars are as exact as torch.optim's Python floats.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from phasegrok.errors import InputError

Tensors = dict[str, Tensor]
Slots = dict[str, Tensors]

# What torch.optim calls the state: one tensor of the parameter's shape per slot.
SLOTS: dict[str, tuple[str, ...]] = {
    "adamw": ("exp_avg", "exp_avg_sq"),
    "adam": ("exp_avg", "exp_avg_sq"),
    "sgd": ("momentum_buffer",),
}


def init(name: str, params: Tensors) -> Slots:
    """Zero state for every parameter."""
    return {slot: {k: torch.zeros_like(v) for k, v in params.items()} for slot in SLOTS[name]}


def update(
    name: str, params: Tensors, grads: Tensors, slots: Slots, step: Tensor, hyper: Tensors
) -> tuple[Tensors, Slots]:
    """One update of all parameters.

    Args:
        name: adamw (decay decoupled and lr-coupled: each step multiplies by 1 - lr * weight_decay),
            adam or sgd (L2 added to the gradient), as in torch.optim.
        step: updates done before this one, 0-d integer.
        hyper: lr, weight_decay, beta1, beta2, eps, momentum, warmup_steps, and, where used,
            clip_norm, fixed_norm and `GROUP.lr`, `GROUP.weight_decay`; 0-d float64.
    """
    if "clip_norm" in hyper:
        grads = clipped(grads, hyper["clip_norm"])
    rule = _sgd if name == "sgd" else _adam
    shared = hyper if name == "sgd" else hyper | bias_corrections(step + 1, hyper)
    warmup = warmup_factor(step, hyper["warmup_steps"])
    numbers: dict[str, Tensors] = {}
    new_params: Tensors = {}
    new_slots: Slots = {slot: {} for slot in slots}
    for key, param in params.items():
        group = group_of(key)
        if group not in numbers:
            lr = group_value(hyper, group, "lr") * warmup
            decay = group_value(hyper, group, "weight_decay")
            numbers[group] = together(NUMBERS[name](lr, decay, shared), param.dtype)
        state = {slot: slots[slot][key] for slot in slots}
        new_params[key], state = rule(param, grads[key], state, numbers[group])
        for slot, value in state.items():
            new_slots[slot][key] = value
    if "fixed_norm" in hyper:
        new_params = at_norm(new_params, hyper["fixed_norm"])
    return new_params, new_slots


def together(numbers: Tensors, dtype: torch.dtype) -> Tensors:
    """0-d numbers, converted as one vector.

    As one vector, a compiled step computes them once. Otherwise it would compute them, powers and
    all, again for every 16 weights: that took most of the update's time.
    """
    row = torch.stack(list(numbers.values())).to(dtype)
    return dict(zip(numbers, row.unbind(), strict=True))


def warmup_factor(step: Tensor, warmup_steps: Tensor) -> Tensor:
    """min(step / warmup_steps, 1): linear warm-up from 0 as in Power et al. 2022 and Nanda et al.

    The first update has learning rate 0. Without warm-up (0 steps) the factor is 1.
    """
    return torch.where(warmup_steps > 0, (step / warmup_steps.clamp(min=1)).clamp(max=1.0), 1.0)


def bias_corrections(done: Tensor, hyper: Tensors) -> Tensors:
    """1 - beta^done for both betas, as `bias_correction1` and `bias_correction2`.

    The two betas are one tensor for a reason: of the lanes' betas in one long row, eager kernels
    take the last ones by another pow than the others, and a run's last bit would depend on its
    lane (tests/test_pack_invariance.py). In rows of two, every lane has the same pow.
    """
    betas = torch.stack([hyper["beta1"], hyper["beta2"]])
    first, second = (1 - betas**done).unbind()
    return {"bias_correction1": first, "bias_correction2": second}


def group_value(hyper: Mapping[str, Tensor], group: str, setting: str) -> Tensor:
    """The lr or weight decay of a group: its own, else the common one."""
    return hyper.get(f"{group}.{setting}", hyper[setting])


def group_of(key: str) -> str:
    """A parameter's group is the top-level attribute of the model that holds it."""
    return key.split(".", 1)[0]


def clipped(grads: Tensors, max_norm: Tensor) -> Tensors:
    """torch.nn.utils.clip_grad_norm_: all gradients scaled so that their joint norm is max_norm."""
    norms = torch.stack([torch.linalg.vector_norm(g) for g in grads.values()])
    total = torch.linalg.vector_norm(norms)
    factor = (max_norm.to(total.dtype) / (total + 1e-6)).clamp(max=1.0)
    return {key: grad * factor for key, grad in grads.items()}


def norm(params: Mapping[str, Tensor]) -> Tensor:
    """L2 norm of all parameters together, weights and biases (Omnigrok, Liu et al. 2023), 0-d."""
    return torch.stack([p.square().sum() for p in params.values()]).sum().sqrt()


def at_norm(params: Tensors, wanted: Tensor) -> Tensors:
    """All parameters scaled so that their joint norm is `wanted`; NaN if it is not finite now.

    That is how Omnigrok (Liu et al. 2023, section 2) trains on a sphere: after each update,
    without projecting gradients and without touching the optimiser's state.
    """
    now = norm(params)
    # A norm that overflows, of parameters that do not, would scale a diverged run to zeros.
    factor = torch.where(now.isfinite(), wanted.to(now.dtype) / now, math.nan)
    return {key: param * factor for key, param in params.items()}


def _adam_numbers(lr: Tensor, decay: Tensor, hyper: Tensors) -> Tensors:
    return {
        "l2": decay,
        "fresh1": 1 - hyper["beta1"],
        "beta2": hyper["beta2"],
        "fresh2": 1 - hyper["beta2"],
        "step_size": lr / hyper["bias_correction1"],
        "scale": hyper["bias_correction2"].sqrt(),
        "eps": hyper["eps"],
    }


def _adamw_numbers(lr: Tensor, decay: Tensor, hyper: Tensors) -> Tensors:
    decoupled = {"keep": 1 - lr * decay}
    return decoupled | {k: v for k, v in _adam_numbers(lr, decay, hyper).items() if k != "l2"}


def _sgd_numbers(lr: Tensor, decay: Tensor, hyper: Tensors) -> Tensors:
    return {"l2": decay, "momentum": hyper["momentum"], "lr": lr}


NUMBERS: dict[str, Callable[[Tensor, Tensor, Tensors], Tensors]] = {
    "adamw": _adamw_numbers,
    "adam": _adam_numbers,
    "sgd": _sgd_numbers,
}
"""What an update multiplies by, from a group's lr and weight decay and the shared hyperparameters:
`keep` is left of a weight by decoupled decay, `l2` times the weight is added to its gradient."""


def _adam(param: Tensor, grad: Tensor, state: Tensors, n: Tensors) -> tuple[Tensor, Tensors]:
    if "keep" in n:
        param = param * n["keep"]
    else:
        grad = grad + n["l2"] * param
    exp_avg = state["exp_avg"] + n["fresh1"] * (grad - state["exp_avg"])
    exp_avg_sq = state["exp_avg_sq"] * n["beta2"] + n["fresh2"] * grad * grad
    denominator = exp_avg_sq.sqrt() / n["scale"] + n["eps"]
    return param - n["step_size"] * exp_avg / denominator, {
        "exp_avg": exp_avg,
        "exp_avg_sq": exp_avg_sq,
    }


def _sgd(param: Tensor, grad: Tensor, state: Tensors, n: Tensors) -> tuple[Tensor, Tensors]:
    grad = grad + n["l2"] * param
    # The buffer starts at zero, so the first update sees the bare gradient, as in torch.optim.SGD.
    buffer = n["momentum"] * state["momentum_buffer"] + grad
    return param - n["lr"] * buffer, {"momentum_buffer": buffer}


def hyperparameters(optim: Mapping[str, object], params: Mapping[str, Tensor]) -> dict[str, float]:
    """The numbers of an `optim` config that `update` reads, flat.

    Args:
        params: those that training starts from; `fix_norm` keeps their norm.

    Raises:
        InputError: `fix_norm` is asked for, and their norm is 0.
    """
    betas: Sequence[float] = optim.get("betas") or (0.9, 0.999)  # type: ignore[assignment]
    numbers: dict[str, object] = {
        "lr": optim["lr"],
        "weight_decay": optim.get("weight_decay") or 0.0,
        "beta1": betas[0],
        "beta2": betas[1],
        "eps": optim.get("eps") or 1e-8,
        "momentum": optim.get("momentum") or 0.0,
        "warmup_steps": optim.get("warmup_steps") or 0,
    }
    if optim.get("clip_norm") is not None:
        numbers["clip_norm"] = optim["clip_norm"]
    if optim.get("fix_norm"):
        double = {key: param.double() for key, param in params.items()}
        numbers["fixed_norm"] = norm(double).item()
        if numbers["fixed_norm"] == 0:
            raise InputError(
                "optim.fix_norm = true: all parameters are 0 at the start, and nothing but 0 has "
                "their norm; start from others, or set optim.fix_norm=null"
            )
    groups: Mapping[str, Mapping[str, object]] = optim.get("groups") or {}  # type: ignore[assignment]
    for group, settings in groups.items():
        for setting, value in settings.items():
            if value is not None:
                numbers[f"{group}.{setting}"] = value
    return {key: float(value) for key, value in numbers.items()}  # type: ignore[arg-type]
