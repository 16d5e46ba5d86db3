#!/usr/bin/env python3
"""A cluster of prun against a real Slurm on the same machine, in turns: only the ratios mean anything.

    SLURM_CONF=…/slurm.conf bench/slurm.py [--prun target/release/prun] [--shape 3x2:1000] [--rounds 5] [--jobs 50]

The real Slurm runs already (shared/conformance/slurm-up starts one); SLURM_CONF says where, and its commands are found in
PATH. It gets jobs named `prun-bench`, and no other job of it is touched. The cluster of prun is started in a temporary
directory and ended with the benchmark. Prints the medians of all rounds, and what the daemons take while they are idle:
resident memory (VmRSS) and the sizes of their binaries.
"""
import argparse, os, pathlib, re, shutil, statistics, subprocess, sys, tempfile, time

NAME = "prun-bench"
POLL_SECS = 0.02


class Side:
    """One of the two: where its commands are, and the environment to run them in."""

    def __init__(self, name, bin_directory, env, cwd):
        self.name, self.bin, self.env, self.cwd = name, bin_directory, env, cwd
        self.open_jobs = set()

    def run(self, command, *words, check=True):
        done = subprocess.run([os.path.join(self.bin, command), *words], cwd=self.cwd, env=self.env, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if check and done.returncode != 0:
            sys.exit(f"{self.name}: {command} {' '.join(words)}: exit code {done.returncode}\n{done.stderr}")
        return done.stdout

    def submit(self, *words):
        job = self.run("sbatch", "--parsable", "-J", NAME, "-o", "/dev/null", *words).strip()
        self.open_jobs.add(job)
        return job

    def wait_for_queue(self):
        """Until none of the jobs submitted here is queued any more; asks as often of both."""
        while self.open_jobs:
            listed = self.run("squeue", "-h", "-o", "%A", "-n", NAME, "-t", "PD,R,CF,CG,S").split()
            self.open_jobs.intersection_update(listed)
            if self.open_jobs:
                time.sleep(POLL_SECS)

    def cancel(self):
        """Ends what a failure has left: by id, and nobody else's."""
        if self.open_jobs:
            self.run("scancel", *sorted(self.open_jobs), check=False)


def seconds(action):
    begin = time.perf_counter()
    action()
    return time.perf_counter() - begin


def measures(jobs):
    """What is measured: name, what one round of it does."""
    def many(side):
        for _ in range(jobs):
            side.submit("--wrap", "true")
        side.wait_for_queue()

    def wait(side):
        side.run("sbatch", "--wait", "-J", NAME, "-o", "/dev/null", "--wrap", "sleep 0.1")

    def step(side):
        side.run("srun", "-J", NAME, "-n6", "true")

    return {f"{jobs} × sbatch, until all are done": many, "sbatch --wait of 0.1 s": wait, "srun -n6 true": step}


def start(prun, shape, directory):
    """Starts a cluster and gives the environment for its commands."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("SLURM_", "PRUN_"))}
    text = subprocess.run([prun, "up", "--local", shape, "--dir", directory], env=env, check=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True).stdout
    env["PRUN_CONTROLLER"] = re.search(r"PRUN_CONTROLLER=(\S+)", text)[1].replace("'", "")
    env["PATH"] = f"{directory}/bin:{env['PATH']}"
    return env


def stop(prun, directory):
    subprocess.run([prun, "down", "--purge", "--dir", directory], check=True,
                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def cold_start(prun, shape, where):
    """From nothing to the end of the first job."""
    directory = os.path.join(where, "cold")
    try:
        def action():
            env = start(prun, shape, directory)
            Side("prun", f"{directory}/bin", env, where).run("sbatch", "--wait", "-o", "/dev/null", "--wrap", "true")
        return seconds(action)
    finally:
        stop(prun, directory)


def processes():
    """Name, words and resident KiB of every process that can be seen."""
    for path in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            status = (path / "status").read_text()
            words = (path / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        resident = re.search(r"VmRSS:\s+(\d+)", status)
        if resident:
            yield re.search(r"Name:\s+(\S+)", status)[1], words, int(resident[1])


def memory(directory):
    """Resident MiB by daemon: a list for each name."""
    found = {}
    for name, words, resident in processes():
        if name in ("slurmctld", "slurmd"):
            kind = name
        elif directory in words and "controller" in words[:2]:
            kind = "controller"
        elif directory in words and "node" in words[:2]:
            kind = "guard" if name == "prun-guard" else "node"
        else:
            continue
        found.setdefault(kind, []).append(resident / 1024)
    return found


def mib(values):
    return "–" if not values else f"{statistics.mean(values):.1f} MiB" + (f" × {len(values)}" if len(values) > 1 else "")


def size(*paths):
    return sum(os.path.getsize(os.path.realpath(path)) for path in paths) / 2**20


def print_table(rows):
    widths = [max(len(row[at]) for row in rows) for at in range(4)]
    for row in rows:
        print("  ".join([row[0].ljust(widths[0])] + [cell.rjust(width) for cell, width in zip(row[1:], widths[1:])]))


def compare(a, real, own, directory, where):
    times = {}
    for name, action in measures(a.jobs).items():
        for side in (real, own):
            action(side)  # the first only warms the caches
        for _ in range(a.rounds):
            for side in (real, own):
                times.setdefault(name, {}).setdefault(side.name, []).append(seconds(lambda: action(side)))
    rows = [("", "Slurm", "prun", "ratio")]
    for name, by_side in times.items():
        theirs, ours = (statistics.median(by_side[side]) for side in ("Slurm", "prun"))
        rows.append((name, f"{theirs:.3f} s", f"{ours:.3f} s", f"{ours / theirs:.4f}"))
    cold = statistics.median(cold_start(a.prun, a.shape, where) for _ in range(a.rounds))
    rows.append(("cold start to the end of a first job", "–", f"{cold:.3f} s", "–"))
    taken = memory(directory)
    for theirs, ours in (("slurmctld", "controller"), ("slurmd", "node"), ("", "guard")):
        left, right = taken.get(theirs, []), taken.get(ours, [])
        ratio = f"{statistics.mean(right) / statistics.mean(left):.2f}" if left and right else "–"
        rows.append((f"idle memory: {theirs or 'nothing'} / {ours}", mib(left), mib(right), ratio))
    theirs, ours = size(*filter(None, map(shutil.which, ("slurmctld", "slurmd", "slurmstepd")))), size(a.prun)
    if theirs:  # without the libraries and plugins that Slurm's load
        rows.append(("binaries of the daemons", f"{theirs:.1f} MiB", f"{ours:.1f} MiB", f"{ours / theirs:.1f}"))
    print_table(rows)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--prun", default="target/release/prun", type=os.path.abspath)
    ap.add_argument("--shape", default="3x2:1000", help="nodes of the cluster of prun: as many as the real one has")
    ap.add_argument("--rounds", type=int, default=5)
    ap.add_argument("--jobs", type=int, default=50)
    a = ap.parse_args()
    if "SLURM_CONF" not in os.environ:
        sys.exit("SLURM_CONF names no running Slurm")
    sbatch = shutil.which("sbatch") or sys.exit("no sbatch in PATH")
    with tempfile.TemporaryDirectory() as where:
        env = {name: value for name, value in os.environ.items() if not name.startswith("PRUN_")}
        real = Side("Slurm", os.path.dirname(sbatch), env, where)
        directory = os.path.join(where, "cluster")
        own = Side("prun", f"{directory}/bin", start(a.prun, a.shape, directory), where)
        try:
            compare(a, real, own, directory, where)
        finally:
            real.cancel()
            stop(a.prun, directory)


main()
