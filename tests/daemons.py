"""A cluster of real daemons for programs that break things on purpose: started, looked at, hit with signals.

Everything is found by /proc: daemons by the locks of their places, tasks by a variable that they inherit.
"""

import ctypes
import fcntl
import os
import pathlib
import shutil
import signal
import struct
import subprocess
import tempfile
import time

MARK = "PRUN_FAULTS_MARK"


class Failure(Exception):
    """Something is not as it should be."""


def until(what, is_so, seconds=60.0):
    """Waits until something is so; gives what made it so. Says what was waited for in vain."""
    end = time.monotonic() + seconds
    while True:
        value = is_so()
        if value:
            return value
        if time.monotonic() > end:
            raise Failure(f"waited {seconds:.0f} s in vain until {what}")
        time.sleep(0.02)


class Cluster:
    """Daemons in a directory of their own, with a directory for jobs beside it."""

    def __init__(self, prun, shape="3x2"):
        self.prun = str(pathlib.Path(prun).resolve())
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="prun-faults-"))
        self.home = self.root / "home"
        self.temporary = self.root / "tmp"
        self.temporary.mkdir()
        self.shape = shape
        self.mark = f"{os.getpid()}-{self.root.name}"
        self.up("--local", shape)

    def environment(self, mark):
        keep = {k: v for k, v in os.environ.items() if not k.startswith(("PRUN_", "SLURM_", "SBATCH_", "SALLOC_"))}
        keep |= {"TMPDIR": str(self.temporary), "PRUN_DIR": str(self.home), MARK: mark}
        keep["PATH"] = f"{self.home / 'bin'}:{keep['PATH']}"
        return keep | {"PRUN_CONTROLLER": f"unix:{self.home / 'controller/socket'}"}

    def up(self, *options):
        """Starts the daemons that do not run."""
        command = [self.prun, "up", "--dir", str(self.home), *options]
        done = subprocess.run(command, env=self.environment(f"{self.mark}-daemons"), capture_output=True, text=True)
        if done.returncode:
            raise Failure(f"the cluster does not come up: {done.stderr}")

    def down(self):
        """Ends the daemons; nothing of the cluster may be left."""
        command = [self.prun, "down", "--dir", str(self.home), "--purge"]
        done = subprocess.run(command, env=self.environment(self.mark), capture_output=True, text=True)
        if done.returncode:
            raise Failure(f"the cluster does not go down: {done.stderr}")
        until("no process of the cluster is left", lambda: not marked(self.mark), 10)
        left = [str(path) for path in [self.home, *self.temporary.iterdir()] if path.exists()]
        if left:
            raise Failure(f"left behind: {left}")
        shutil.rmtree(self.root)

    def ask(self, *words, mark=None, cwd=None):
        """What a command writes; it is asked again while the controller is away."""
        def asked():
            done = subprocess.run(
                words, env=self.environment(mark or self.mark), cwd=cwd or self.root, capture_output=True, text=True
            )
            if done.returncode == 0:
                return (done.stdout,)
            if "contact slurm controller" in done.stderr or "timed out" in done.stderr:
                return None
            raise Failure(f"{' '.join(words)}: {done.stderr.strip()}")

        return until(f"`{' '.join(words)}` is answered", asked)[0]

    def place(self, daemon):
        """The directory of `controller` or a node."""
        return self.home / daemon if daemon == "controller" else self.home / "nodes" / daemon

    def pid(self, daemon):
        """The process of a daemon, if it runs: who holds the lock of its place."""
        return lock_holder(self.place(daemon) / "lock")

    def nodes(self):
        return sorted(path.name for path in (self.home / "nodes").iterdir())

    def daemons(self):
        return ["controller", *self.nodes()]

    def step_processes(self):
        return [pid for pid in marked(self.mark) if name(pid) == "prun-stepd"]

    def stale_files(self):
        """Files of steps that no step needs."""
        runs = [path / "run" for path in (self.home / "nodes").iterdir()]
        left = [entry for run in runs for entry in (run / "steps").glob("*")]
        left += [entry for run in runs for pattern in ("job*", "pmix-*") for entry in run.glob(pattern)]
        left += list(self.temporary.iterdir())
        return [str(path.relative_to(self.root)) for path in left]

    def settle(self, mark=None):
        """Waits until every daemon runs, every node is idle, and nothing of a job is left: no process, no file."""
        if any(self.pid(daemon) is None for daemon in self.daemons()):
            self.up()
        until("every node is idle", lambda: set(self.ask("sinfo", "-h", "-N", "-o", "%T").split()) == {"idle"})
        until("no step process is left", lambda: not self.step_processes(), 45)
        if mark:
            until("no process of the job is left", lambda: not marked(mark, whole=True), 15)
        until("no file of the job is left", lambda: not self.stale_files(), 10)


def lock_holder(path):
    """Who holds the lock of a file, as fcntl(2) tells it."""
    try:
        file = open(path, "rb+")
    except FileNotFoundError:
        return None
    with file:
        asked = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        kind, _, _, _, pid = struct.unpack("hhqqi4x", fcntl.fcntl(file, fcntl.F_GETLK, asked))
        return pid if kind != fcntl.F_UNLCK else None


def processes():
    return [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]


def read(pid, file):
    try:
        return pathlib.Path(f"/proc/{pid}/{file}").read_bytes()
    except OSError:
        return b""


def name(pid):
    return read(pid, "comm").decode(errors="replace").strip()


def words(pid):
    return [word.decode(errors="replace") for word in read(pid, "cmdline").split(b"\0")]


def is_dead(pid):
    """Gone, or waiting for its parent only."""
    stat = read(pid, "stat")
    return not stat or stat.rsplit(b")", 1)[1].split()[0] in (b"Z", b"X")


def marked(mark, whole=False):
    """Processes with this mark, or one that begins with it."""
    wanted = f"{MARK}={mark}".encode()
    def has(entry):
        return entry == wanted if whole else entry.startswith(wanted)

    return [
        pid
        for pid in processes()
        if any(has(entry) for entry in read(pid, "environ").split(b"\0")) and not is_dead(pid)
    ]


def hit(pid, blow):
    """Sends a signal; STOP is followed by CONT after five seconds. One that has ended is missed."""
    try:
        os.kill(pid, getattr(signal, f"SIG{blow}"))
        if blow == "STOP":
            time.sleep(5)
            os.kill(pid, signal.SIGCONT)
    except ProcessLookupError:
        pass


def die_with_parent():
    """For what is started in the background here."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
