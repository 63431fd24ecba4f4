"""The faults that say in how many cells of the grid they are found; the axes must be sound."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from phasegrok import cells, tasks
from phasegrok.cells import Config

BATCH = "train.batch_size"

Changes = dict[str, Any]


def overdecay(config: Config) -> list[str]:
    """AdamW multiplies weights by 1 - lr * weight_decay: none is left at 1, signs flip above 1."""
    groups = config["optim"].get("groups") or {}
    prefixes = ["optim", *(f"optim.groups.{group}" for group in groups)]
    grid = [cell for _, cell in cells.cell_changes(config["sweep"])]
    return [fault for prefix in prefixes for fault in _overdecay_of(config, prefix, grid)]


def _overdecay_of(config: Config, prefix: str, grid: Sequence[Changes]) -> Iterator[str]:
    def value(cell: Changes, key: str) -> Any:
        return cell[key] if key in cell else cells.lookup(config, key)

    def setting(cell: Changes, name: str) -> tuple[str, float]:
        own = f"{prefix}.{name}"
        try:
            given = value(cell, own)
        except KeyError:
            given = None
        key = f"optim.{name}" if given is None else own
        return key, value(cell, key)

    over = []
    for cell in grid:
        settings = [setting(cell, "lr"), setting(cell, "weight_decay")]
        product = cells.rounded(settings[0][1] * settings[1][1])
        allowed = value(cell, "optim.name") != "adamw" or config["optim"].get("allow_overdecay")
        if product >= 1 and not allowed:
            over.append((product, settings))
    if over:
        largest, settings = max(over, key=lambda item: item[0])
        keys = " * ".join(key for key, _ in settings)
        where = ", ".join(f"{key} = {value:g}" for key, value in settings)
        yield (
            f"{keys} is 1 or more in {len(over)} of {len(grid)} cells, at most {largest:g} "
            f"({where}): AdamW multiplies the weights by 1 minus that in every step, which "
            "erases them or flips their signs; lower one of the two, or set "
            "optim.allow_overdecay=true to run it all the same"
        )


def batch_faults(config: Config) -> Iterator[str]:
    """A batch as large as the training set is a full batch under another name."""
    params = {axis["param"] for axis in cells.axes(config["sweep"]).values()}
    if BATCH not in params and config["train"]["batch_size"] is None:
        return
    told = Counter(
        tuple((key, value) for key, value in cell.items() if key.startswith(("task.", BATCH)))
        for _, cell in cells.cell_changes(config["sweep"])
    )
    too_large: dict[int, Counter[int]] = {}
    for changes, count in told.items():
        of_cell = cells.replaced(config, dict(changes))
        batch, size = of_cell["train"]["batch_size"], tasks.train_size(of_cell["task"])
        if batch is not None and batch >= size:
            too_large.setdefault(batch, Counter())[size] += count
    for batch, sizes in too_large.items():
        least, most = min(sizes), max(sizes)
        examples = f"{least}" if least == most else f"{least} to {most}"
        yield (
            f"{BATCH} = {batch}: the training set has {examples} examples in {sizes.total()} of "
            f"{told.total()} cells; use null for the full batch, or a batch below {least}"
        )
