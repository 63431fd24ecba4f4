"""What the throwaway cluster is like: the text of its slurm.conf and its slurmdbd.conf."""

from __future__ import annotations

import os
import pwd
import random
import socket
from collections.abc import Mapping
from pathlib import Path

NAME = "throwaway"
NODES = ("n1", "n2")
# More than a machine has: a job is refused if it asks for more, and only what it uses counts.
NODE_MEMORY_MB = 16000

PARTITIONS = f"""\
PartitionName=DEFAULT Nodes={",".join(NODES)} State=UP
PartitionName=debug Default=YES PriorityTier=1 PreemptMode=REQUEUE
PartitionName=short PriorityTier=1 PreemptMode=REQUEUE MaxTime=1
PartitionName=urgent PriorityTier=10 PreemptMode=OFF
"""


def user() -> str:
    return pwd.getpwuid(os.geteuid()).pw_name


def munge_socket(folder: Path) -> Path:
    return folder / "munge.socket"


def slurm_conf(
    folder: Path,
    ports: Mapping[str, int],
    cpus: int,
    accounting: bool,
    chosen: Mapping[str, object],
) -> str:
    """For one host that is both nodes; `chosen` settings add to those here or replace them."""
    host = socket.gethostname().split(".")[0]
    settings = {
        "ClusterName": NAME,
        # Numbers of jobs do not come back when the cluster is started anew: sweeps' directories
        # know their jobs by them.
        "FirstJobId": random.randrange(1, 60_000),
        "SlurmctldHost": f"{host}(127.0.0.1)",
        "SlurmctldPort": ports["slurmctld"],
        "SlurmUser": user(),
        "SlurmdUser": user(),
        "AuthType": "auth/munge",
        "StateSaveLocation": folder / "state",
        "SlurmdSpoolDir": folder / "spool.%n",
        "SlurmctldPidFile": folder / "slurmctld.pid",
        "SlurmdPidFile": folder / "slurmd.%n.pid",
        "SlurmctldLogFile": folder / "slurmctld.log",
        "SlurmdLogFile": folder / "slurmd.%n.log",
        # No cgroups: it may be in a container. Memory is watched instead, once a second.
        "ProctrackType": "proctrack/linuxproc",
        "TaskPlugin": "task/none",
        "JobAcctGatherType": "jobacct_gather/linux",
        "JobAcctGatherFrequency": "task=1",
        "JobAcctGatherParams": "OverMemoryKill",
        "SwitchType": "switch/none",
        "MpiDefault": "none",
        "SlurmdParameters": "config_overrides",  # CPUs and memory are as written, not as found
        "SelectType": "select/cons_tres",
        "SelectTypeParameters": "CR_CPU_Memory",
        "DefMemPerCPU": 1000,
        "SchedulerType": "sched/backfill",
        "SchedulerParameters": "sched_interval=1,bf_interval=1,batch_sched_delay=0",
        "PreemptType": "preempt/partition_prio",
        "PreemptMode": "REQUEUE",
        "SlurmctldParameters": "preempt_send_user_signal",  # in a partition's GraceTime: 0 here
        "KillWait": 5,
        "MessageTimeout": 5,  # half the default: a dead node is noticed 10 s earlier
        "ReturnToService": 2,
        **(_with_accounting(folder, ports) if accounting else {}),
        **chosen,
    }
    nodes = "".join(
        f"NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[node]} "
        f"CPUs={cpus} RealMemory={NODE_MEMORY_MB}\n"
        for node in NODES
    )
    return _lines(settings) + nodes + PARTITIONS


def _with_accounting(folder: Path, ports: Mapping[str, int]) -> dict[str, object]:
    return {
        "AccountingStorageType": "accounting_storage/slurmdbd",
        "AccountingStorageHost": "127.0.0.1",
        "AccountingStoragePort": ports["slurmdbd"],
        # With munge it is no password but the socket to use: AuthInfo's is not used for slurmdbd.
        "AccountingStoragePass": munge_socket(folder),
    }


def slurmdbd_conf(folder: Path, port: int) -> str:
    return _lines(
        {
            "AuthType": "auth/munge",
            "AuthInfo": f"socket={munge_socket(folder)}",
            "DbdHost": "localhost",
            "DbdAddr": "127.0.0.1",
            "DbdPort": port,
            "SlurmUser": user(),
            "StorageType": "accounting_storage/mysql",
            "StorageHost": "localhost",
            "StorageUser": "root",
            "LogFile": folder / "slurmdbd.log",
            "PidFile": folder / "slurmdbd.pid",
        }
    )


def _lines(settings: Mapping[str, object]) -> str:
    return "".join(f"{name}={value}\n" for name, value in settings.items())
