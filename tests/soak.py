#!/usr/bin/env python3
"""Many short jobs while daemons are killed at random: every job runs once and is accounted for, and the daemons stay small.

    tests/soak.py [--prun PATH] [--jobs N] [--minutes M] [--seed S]

Jobs come as arrays of up to a thousand, two at a time; every tenth has a step. For M minutes one daemon after the other
(the controller, and every node's but the last) is ended by TERM or KILL and started anew a moment later; the last
node's, which lives through all of it, shows whether memory and descriptors grow. Ends with the figures, and with exit
code 1 when something is lost, doubled or left.
"""

import argparse
import pathlib
import random
import sys
import threading
import time
import traceback

from daemons import Cluster, Failure, hit, read, until

TOP = pathlib.Path(__file__).resolve().parent.parent
ARRAY_MAX = 1000
ARRAYS_AT_ONCE = 2

JOB = """#!/bin/bash
#SBATCH --ntasks=1 --output=/dev/null --time=5
echo $SLURM_ARRAY_JOB_ID.$SLURM_ARRAY_TASK_ID >> runs
if [ $((SLURM_ARRAY_TASK_ID % 10)) = 0 ]; then
  srun bash -c 'echo $SLURM_ARRAY_JOB_ID.$SLURM_ARRAY_TASK_ID >> steps'
fi
"""


class Killer(threading.Thread):
    """Ends a daemon now and then, and starts it anew."""

    def __init__(self, cluster, seconds, seed):
        super().__init__(daemon=True)
        self.cluster, self.end = cluster, time.monotonic() + seconds
        self.random = random.Random(seed)
        self.victims = ["controller", *cluster.nodes()[:-1]]
        self.blows = dict.fromkeys(self.victims, 0)
        self.over = threading.Event()
        self.failure = None

    def run(self):
        try:
            while not self.over.wait(self.random.uniform(1, 5)) and time.monotonic() < self.end:
                victim = self.random.choice(self.victims)
                pid = self.cluster.pid(victim)
                if pid is None:
                    raise Failure(f"{victim} has ended by itself")
                hit(pid, self.random.choice(["TERM", "KILL"]))
                until(f"{victim} has ended", lambda victim=victim: self.cluster.pid(victim) is None)
                self.over.wait(self.random.uniform(0, 1))
                self.cluster.up()
                self.blows[victim] += 1
        except Failure as failure:
            self.failure = failure


def size(pid):
    """Resident KiB, and open descriptors."""
    status = read(pid, "status").decode()
    resident = next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")), 0)
    try:
        return resident, len(list(pathlib.Path(f"/proc/{pid}/fd").iterdir()))
    except OSError:
        return resident, 0


def lines(path):
    return path.read_text().splitlines() if path.exists() else []


def submit(cluster, count):
    """An array; gives its number and size."""
    job = cluster.ask("sbatch", "--parsable", f"--array=0-{count - 1}", "job.sh").strip()
    return job, count


def finished(cluster, job, count):
    """Whether an array is over; every element has to be completed then."""
    states = cluster.ask("sacct", "-X", "-n", "-P", "-j", job, "-o", "State").split()
    if len(states) < count or any(state in ("PENDING", "RUNNING", "COMPLETING") for state in states):
        return False
    if states != ["COMPLETED"] * count:
        others = {state: states.count(state) for state in set(states)}
        raise Failure(f"array {job} of {count}: {others}")
    return True


def once(path, wanted):
    """Each job has left one line."""
    seen = lines(path)
    if sorted(seen) != sorted(wanted):
        double = sorted({line for line in seen if seen.count(line) > 1})[:5] if len(seen) > len(set(seen)) else []
        missing = sorted(set(wanted) - set(seen))[:5]
        raise Failure(f"{path.name}: {len(seen)} lines for {len(wanted)} jobs; twice: {double}; missing: {missing}")


def soak(cluster, options):
    (cluster.root / "job.sh").write_text(JOB)
    witness = cluster.nodes()[-1]
    killer = Killer(cluster, options.minutes * 60, options.seed)
    killer.start()
    begin, left, open_arrays, done, samples = time.monotonic(), options.jobs, [], [], []
    while left or open_arrays:
        while left and len(open_arrays) < ARRAYS_AT_ONCE:
            # Small ones for small soaks, so that there is more than one figure.
            count = min(ARRAY_MAX, left, max(options.jobs // 10, 10))
            open_arrays.append(submit(cluster, count))
            left -= count
        time.sleep(0.5)
        for array in [array for array in open_arrays if finished(cluster, *array)]:
            open_arrays.remove(array)
            done.append(array)
            jobs = sum(count for _, count in done)
            samples.append((jobs, size(cluster.pid(witness)), size(cluster.pid("controller") or 0)))
            print(f"{jobs} jobs, {time.monotonic() - begin:.0f} s, {witness} {samples[-1][1]}, "
                  f"controller {samples[-1][2]} (KiB, descriptors), {sum(killer.blows.values())} blows", flush=True)
        if killer.failure:
            raise killer.failure
    killer.over.set()
    killer.join()
    if killer.failure:
        raise killer.failure
    seconds = time.monotonic() - begin
    elements = [(job, task) for job, count in done for task in range(count)]
    once(cluster.root / "runs", [f"{job}.{task}" for job, task in elements])
    once(cluster.root / "steps", [f"{job}.{task}" for job, task in elements if task % 10 == 0])
    cluster.settle()
    print(f"{len(elements)} jobs in {seconds:.0f} s, each completed and run once; blows: {killer.blows}")
    # The first arrays fill what stays filled.
    (_, first, _), (_, last, _) = samples[min(1, len(samples) - 1)], samples[-1]
    print(f"{witness}, which lived through it: {first[0]} → {last[0]} KiB, {first[1]} → {last[1]} descriptors")
    if last[1] > first[1] + 8 or last[0] > 1.5 * first[0] + 2048:
        raise Failure(f"{witness} grows: {first} → {last}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prun", default=TOP / "target/debug/prun", type=pathlib.Path)
    parser.add_argument("--jobs", default=20_000, type=int)
    parser.add_argument("--minutes", default=10.0, type=float)
    parser.add_argument("--seed", default=1, type=int)
    options = parser.parse_args()
    cluster = Cluster(options.prun, "3x8")
    try:
        soak(cluster, options)
        for file in ("job.sh", "runs", "steps"):
            (cluster.root / file).unlink(missing_ok=True)
        cluster.down()
    except Exception as error:
        if isinstance(error, Failure):
            print(f"error: {error}")
        else:
            traceback.print_exc()
        print(f"the cluster is left in {cluster.root}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
