"""Other settings of `launch` for a sweep that has begun: how it trains may change, what may not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from phasegrok._paths import CONF_DIR
from phasegrok.cells import Config
from phasegrok.config import single
from phasegrok.errors import InputError


def relaunched(config: Config, settings: Sequence[str]) -> Config:
    """A begun sweep's config with settings like `launch.timeout_min=120` or `launch=local`.

    Keys that the config does not have yet, being older, get their defaults.

    Raises:
        InputError: a setting is none of launch, or wrong.
    """
    given = [setting.partition("=") for setting in settings]
    strange = ["".join(parts) for parts in given
               if not parts[1] or parts[0].partition(".")[0] != "launch"]  # fmt: skip
    if strange:
        raise InputError(
            f"{', '.join(strange)}: only how a sweep trains may change here, like "
            "launch.timeout_min=120; for another question, use phasegrok sweep"
        )
    old = dict(config["launch"])
    name = next((value for key, _, value in given if key == "launch"), old["name"])
    launch = _defaults(name) | (old if name == old["name"] else {})
    for key, _, value in given:
        if key != "launch":
            _set(launch, key.split(".")[1:], value)
    changed = {**config, "launch": launch}
    if faults := [fault for fault in single.faults(changed) if fault.startswith("launch")]:
        raise InputError(faults)
    return changed


def _defaults(name: str) -> dict[str, Any]:
    from omegaconf import OmegaConf

    path = CONF_DIR / "launch" / f"{name}.yaml"
    if not path.exists():
        names = ", ".join(sorted(each.stem for each in path.parent.glob("*.yaml")))
        raise InputError(f"launch = {name}: must be one of {names}")
    found: Any = OmegaConf.to_container(OmegaConf.load(path))
    return found


def _set(section: dict[str, Any], keys: Sequence[str], text: str) -> None:
    """A value as Hydra would read it: 120, null, [a, b]."""
    import yaml

    name = ".".join(["launch", *keys])
    *above, last = keys
    for key in above:
        section = section.setdefault(key, {})
        if not isinstance(section, dict):
            raise InputError(f"{name}: {key} is a value ({section}) and has no keys below it")
    try:
        section[last] = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InputError(f"{name} = {text}: {str(error).splitlines()[0]}") from error
