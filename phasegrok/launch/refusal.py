"""Why SLURM takes no job like this, in terms of the sweep's own keys."""

from __future__ import annotations

from typing import Any

from phasegrok import slurm
from phasegrok.errors import InputError

# What SLURM says in its refusals, the more telling first, and which key is behind it.
_SIGNS = {
    "invalid account": ("account", "`sacctmgr show associations user=$USER` lists yours"),
    "wallduration": ("timeout_min", "`sacctmgr show qos` shows the limits"),
    "time limit": ("timeout_min", "`sinfo -o '%P %l'` shows the partitions' limits"),
    "maxsubmit": ("max_queued", "it keeps the jobs in the queue below the site's limit"),
    "gres": ("gpus_per_node", "`sinfo -o '%P %G'` shows the nodes' GPUs; 0 asks for none"),
    "qos specification": ("qos", "`sacctmgr show qos` lists them"),
    "partition": ("partition", "`sinfo` lists them"),
    "account": ("account", "`sacctmgr show associations user=$USER` lists yours"),
    "feature": ("constraint", "`sinfo -o '%P %f'` shows the nodes' features"),
    "memory": ("mem_gb", "`sinfo -o '%P %m'` shows the nodes' memory in MB"),
}
# This says all that it may have been, and so nothing.
_ANY_LIMIT = "Job violates accounting/QOS policy (job submit limit, user's size and/or time limits)"
_NO_NODE = "node configuration"


def refusal(said: str, launch: dict[str, Any]) -> str:
    """One sentence about why SLURM takes no job of these."""
    lines = [line.strip() for line in said.splitlines() if "sbatch:" in line] or [said.strip()]
    words = "; ".join(line.removeprefix("sbatch: ").removeprefix("error: ") for line in lines)
    telling = words.replace(_ANY_LIMIT, "").lower()
    for sign, (key, advice) in _SIGNS.items():
        if sign in telling:
            value = "null" if launch[key] is None else launch[key]
            return f"launch.{key} = {value}: SLURM refused the job ({words}); {advice}"
    advice = ""
    if _NO_NODE in telling:
        keys = ("cpus_per_task", "gpus_per_node", "mem_gb")
        asked = ", ".join(f"launch.{key} = {launch[key]}" for key in keys)
        advice = f"; together they fit on no node: {asked} (`sinfo -o '%P %c %m %G'` shows them)"
    elif _ANY_LIMIT in words:
        advice = "; launch.max_queued keeps the jobs in the queue below the site's limit"
    return f"launch = slurm: SLURM refused the job: {words}{advice}"


def refuse_hopeless(launch: dict[str, Any]) -> None:
    """What can be seen to be wrong before anything is written or submitted.

    A site may leave a job that asks for too much time in its queue for ever, instead of refusing.
    """
    if not slurm.available():
        raise InputError(
            "launch = slurm: this machine has no sbatch; give the command on a machine of the "
            "cluster (a login node), or train here with launch=local"
        )
    most = slurm.time_limit(launch["partition"])
    if most is not None and launch["timeout_min"] > most:
        name = launch["partition"] or "the default partition"
        raise InputError(
            f"launch.timeout_min = {launch['timeout_min']}: {name} takes jobs of at most {most} "
            "minutes; `sinfo -o '%P %l'` shows the partitions' limits"
        )
