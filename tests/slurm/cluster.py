"""A throwaway two-node SLURM on this machine, for tests and for people who want to try one.

munged, slurmctld and two slurmd (nodes n1 and n2), on request also slurmdbd with a MariaDB, all in
one folder, with a key, sockets and ports of their own, as whichever user starts them; what else
runs on the machine is not touched.

    with Cluster(folder) as cluster:
        cluster.run("sbatch", "--wrap", "hostname")

In the background, for a person: `python -m tests.slurm.cluster start`, and `stop`.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.slurm.configuration import NAME, NODES, munge_socket, slurm_conf, slurmdbd_conf, user

PACKAGES = {
    "slurmctld": "slurmctld",
    "slurmd": "slurmd",
    "sbatch": "slurm-client",
    "munged": "munge",
    "slurmdbd": "slurmdbd",
    "mariadbd": "mariadb-server",
    "mariadb-install-db": "mariadb-server",
}
INSTALL = f"apt-get install -y --no-install-recommends {' '.join(dict.fromkeys(PACKAGES.values()))}"

# Daemons are told apart from everything else by this variable in their environment.
MARK = "THROWAWAY_CLUSTER"
# A path of a Unix socket has 107 characters; the longest below the folder is a job step's.
LONGEST_FOLDER = 70


def missing() -> list[str]:
    """The commands that a cluster needs and this machine does not have."""
    return [name for name in PACKAGES if not _program(name)]


def processes(folder: Path) -> list[int]:
    """Pids of the daemons of the cluster in `folder`, of their job steps, and of its jobs."""
    daemon = f"{MARK}={folder}".encode()
    conf = f"SLURM_CONF={folder / 'slurm.conf'}".encode()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            names = (process / "environ").read_bytes().split(b"\0")
            # Only a node gives a process the name of the node: no shell of a person has it.
            of_a_job = conf in names and any(name.startswith(b"SLURMD_NODENAME=") for name in names)
            if daemon in names or of_a_job:
                found.append(int(process.name))
    return found


class Cluster:
    """Two nodes; partitions `debug` (the default one), `short` (1 minute) and `urgent`.

    A job in `urgent` preempts one in the others, which is queued again. `settings` are lines of
    slurm.conf that add to those chosen here or replace them. Raises RuntimeError with what the
    daemons said if the cluster does not come up; then nothing of it is left running.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        accounting: bool = False,
        cpus: int = 1,
        max_array_size: int = 1001,
        slurmd_timeout: int = 10,
        requeue_s: int = 5,
        min_job_age: int = 300,
        settings: Mapping[str, object] | None = None,
    ) -> None:
        self.folder = Path(folder).absolute()
        self.accounting = accounting
        self.cpus = cpus
        self.settings: dict[str, object] = {
            "MaxArraySize": max_array_size,
            "SlurmdTimeout": slurmd_timeout,
            "MinJobAge": min_job_age,
            # A job queued again waits until its former credential has expired.
            "AuthInfo": f"socket={munge_socket(self.folder)},cred_expire={requeue_s}",
            **(settings or {}),
        }
        self._daemons: dict[str, subprocess.Popen[bytes]] = {}
        self._ports: dict[str, int] = {}

    @property
    def env(self) -> dict[str, str]:
        """The environment for whoever is to use this cluster: no other cluster's variables."""
        others = ("SLURM", "SBATCH_", "SRUN_", "SALLOC_", "SQUEUE_", "SACCT_", "SINFO_", "SCANCEL_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(others)}
        return {**kept, "SLURM_CONF": str(self.folder / "slurm.conf")}

    # ------------------------------------------------------------------------- start and stop

    def __enter__(self) -> Cluster:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> Cluster:
        """Start every daemon and wait until both nodes are idle."""
        self._check()
        if self.folder.exists():
            shutil.rmtree(self.folder)
        self.folder.mkdir(parents=True)
        names = ["slurmctld", "slurmdbd", *NODES]
        self._ports = dict(zip(names, _free_ports(len(names)), strict=True))
        conf = slurm_conf(self.folder, self._ports, self.cpus, self.accounting, self.settings)
        (self.folder / "slurm.conf").write_text(conf)
        try:
            self._start_munged()
            if self.accounting:
                self._start_accounting()
            self._start_controller()
            for node in NODES:
                self._daemon(node, "slurmd", "-D", "-N", node)
            self.until(lambda: self.node_states() == dict.fromkeys(NODES, "idle"), "both idle")
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Kill what belongs to this cluster, jobs included, from whichever process it is called."""
        give_up = time.monotonic() + 30
        while left := processes(self.folder):
            if time.monotonic() > give_up:
                raise RuntimeError(f"these processes of {self.folder} do not end: {left}")
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.05)
        for daemon in self._daemons.values():
            daemon.wait()
        self._daemons.clear()

    # ------------------------------------------------------------------------------- use it

    def run(self, *command: str | Path) -> str:
        """Standard output of a command that must succeed, run in the cluster's environment."""
        done = subprocess.run(command, env=self.env, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{command} exited {done.returncode}: {done.stderr or done.stdout}")
        return done.stdout

    def until(self, condition: Callable[[], object], what: str, timeout: float = 30) -> None:
        """Wait until the condition holds. Raises TimeoutError with what the daemons said last."""
        give_up = time.monotonic() + timeout
        while not condition():
            if time.monotonic() > give_up:
                raise TimeoutError(f"waited {timeout:g} s for: {what}\n{self._said()}")
            time.sleep(0.1)

    def node_states(self) -> dict[str, str]:
        """Node -> idle, mixed, allocated, down, ...; a `*` after it: the node does not answer."""
        return _pairs(self.run("sinfo", "--noheader", "--Node", "--format=%N %T"))

    def job_states(self) -> dict[str, str]:
        """Job id (12, or 12_3 for an element of an array) -> PENDING, RUNNING, COMPLETED, ...

        Ended jobs stay for `min_job_age` seconds.
        """
        return _pairs(self.run("squeue", "--noheader", "--array", "--states=all", "-o", "%i %T"))

    def kill_node(self, node: str) -> None:
        """SIGKILL the node's slurmd. Its jobs' processes live on, as on a node cut off."""
        self._end(node, signal.SIGKILL)

    def start_node(self, node: str) -> None:
        """Start the node's slurmd again and wait until the node takes jobs."""
        self._daemon(node, "slurmd", "-D", "-N", node)
        takes_jobs = ("idle", "mixed", "allocated", "completing")
        self.until(lambda: self.node_states()[node] in takes_jobs, f"{node} takes jobs")

    def restart_controller(self, by: signal.Signals = signal.SIGTERM) -> None:
        """End slurmctld and start it again. By SIGKILL it may forget its last second."""
        self._end("slurmctld", by)
        self._start_controller()

    def calm(self) -> None:
        """No job left, both nodes up and idle: as after the start, ended jobs apart."""
        self.run("scancel", f"--user={user()}")
        for node in NODES:
            if node not in self._daemons:
                self.start_node(node)
        self.until(lambda: not self.run("squeue", "--noheader"), "no job is left")
        self.until(lambda: set(self.node_states().values()) == {"idle"}, "both nodes are idle")

    # ------------------------------------------------------------------------------ daemons

    def _check(self) -> None:
        if absent := missing():
            raise RuntimeError(f"not on this machine: {', '.join(absent)}. {INSTALL}")
        if len(str(self.folder)) > LONGEST_FOLDER:
            raise RuntimeError(
                f"{self.folder} has more than {LONGEST_FOLDER} characters, too many for the "
                "sockets in it: choose a folder with a shorter path"
            )
        if processes(self.folder):
            raise RuntimeError(f"a cluster is running in {self.folder} already: stop it first")
        if self.folder.exists() and any(self.folder.iterdir()):
            conf = self.folder / "slurm.conf"
            if not conf.exists() or NAME not in conf.read_text():
                raise RuntimeError(f"{self.folder} holds something else: choose an empty folder")

    def _daemon(self, name: str, program: str, *arguments: object, **extra: str) -> None:
        """Start a daemon that says what it has to say in <name>.out; it is ours until `stop`."""
        command = [_program(program) or program, *map(str, arguments)]
        with (self.folder / f"{name}.out").open("ab") as said:
            self._daemons[name] = subprocess.Popen(
                command,
                env={**self.env, MARK: str(self.folder), **extra},
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                cwd=self.folder,
                start_new_session=True,  # an interrupt at the keyboard is for the tests
            )

    def _end(self, name: str, by: signal.Signals) -> None:
        daemon = self._daemons.pop(name)
        daemon.send_signal(by)
        daemon.wait()

    def _up(self, name: str, ready: Callable[[], object]) -> None:
        """Wait until a daemon is ready. Raises RuntimeError if it ended instead."""

        def ready_or_ended() -> object:
            return ready() or self._daemons[name].poll() is not None

        self.until(ready_or_ended, f"{name} is up", timeout=60)
        if self._daemons[name].poll() is not None:
            raise RuntimeError(f"{name} did not start\n{self._said()}")

    def _start_munged(self) -> None:
        at, key = munge_socket(self.folder), self.folder / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o600)
        files = [f"--{kind}-file={self.folder / f'munge.{kind}'}" for kind in ("pid", "seed")]
        # --force: pytest's folders are closed to other users, of which munged would complain.
        where = (f"--socket={at}", f"--key-file={key}", *files)
        self._daemon("munged", "munged", "--foreground", "--force", *where)
        self._up("munged", at.exists)

    def _start_controller(self) -> None:
        self._daemon("slurmctld", "slurmctld", "-D")
        self._up("slurmctld", lambda: _listens(self._ports["slurmctld"]))

    def _start_accounting(self) -> None:
        data, at = self.folder / "mariadb", self.folder / "mariadb.socket"
        own = ("--no-defaults", f"--user={user()}", f"--datadir={data}")
        self.run("mariadb-install-db", *own, "--auth-root-authentication-method=normal")
        quick = ("--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=32M")
        reach = (f"--socket={at}", "--skip-networking", f"--pid-file={self.folder / 'mariadb.pid'}")
        self._daemon("mariadbd", "mariadbd", *own, *reach, *quick)
        self._up("mariadbd", at.exists)
        conf = self.folder / "slurmdbd.conf"
        conf.write_text(slurmdbd_conf(self.folder, self._ports["slurmdbd"]))
        conf.chmod(0o600)  # it refuses a file that others can read
        self._daemon("slurmdbd", "slurmdbd", "-D", MYSQL_UNIX_PORT=str(at))
        self._up("slurmdbd", lambda: _listens(self._ports["slurmdbd"]))
        self.run("sacctmgr", "--immediate", "add", "cluster", NAME)

    def _said(self) -> str:
        """The last lines of every log."""
        logs = sorted([*self.folder.glob("*.out"), *self.folder.glob("*.log")])
        tails = {log.name: log.read_text(errors="replace").splitlines()[-6:] for log in logs}
        return "\n".join(f"{name}: {line}" for name, lines in tails.items() for line in lines)


def _program(name: str) -> str | None:
    """Daemons stand in sbin, which not everybody has in PATH."""
    return shutil.which(name) or shutil.which(name, path="/usr/local/sbin:/usr/sbin:/sbin")


def _pairs(text: str) -> dict[str, str]:
    return dict(line.split() for line in text.splitlines())


def _listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def _free_ports(number: int) -> list[int]:
    """Below those that the system gives away: a daemon that comes back needs its own again."""
    free: list[int] = []
    while len(free) < number:
        port = random.randrange(20000, 32000)
        with socket.socket() as server, contextlib.suppress(OSError):
            server.bind(("127.0.0.1", port))
            free += [port] if port not in free else []
    return free


# ------------------------------------------------------------------------------- for a person

HOW_TO_USE = """\
Two nodes, n1 and n2, are up. In any shell:

  export SLURM_CONF={folder}/slurm.conf
  {python} -m phasegrok.sweep +sweep=quick launch=slurm launch.gpus_per_node=0
  sinfo       # the nodes
  squeue      # the jobs

Partitions: debug (the default), short (1 minute), urgent (preempts the others). Logs: {folder}
To end it: make cluster-stop"""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.slurm.cluster", description=__doc__)
    parser.add_argument("action", choices=["start", "stop"])
    parser.add_argument("--folder", type=Path, default=Path(".cluster"))
    parser.add_argument("--cpus", type=int, default=1, help="of each node")
    parser.add_argument("--accounting", action="store_true", help="with sacct")
    chosen = parser.parse_args()
    cluster = Cluster(chosen.folder, cpus=chosen.cpus, accounting=chosen.accounting)
    if chosen.action == "stop":
        cluster.stop()
        return
    try:
        cluster.start()
    except (RuntimeError, TimeoutError) as error:
        sys.exit(f"cluster: {error}")
    print(HOW_TO_USE.format(folder=cluster.folder, python=sys.executable))


if __name__ == "__main__":
    main()
