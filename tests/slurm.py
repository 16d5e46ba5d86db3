#!/usr/bin/env python3
"""The way up: one unchanged script embedded, on a cluster of daemons, and through a real Slurm, with the same output; and what
`prun --on slurm` does beside. (Over ssh the same is tried by tests/ssh.py, in containers by tests/compose.py.)

Needs a real Slurm whose nodes have two CPUs, with SLURM_CONF or its usual place, and `target/debug/prun` at a path that its
nodes have too.
"""

import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

PRUN = pathlib.Path(__file__).resolve().parent.parent / "target/debug/prun"
JOB = """#!/bin/bash
#SBATCH --ntasks=6 --ntasks-per-node=2 --output=result.out
sum=$(srun bash -c 'prun allreduce --op sum $SLURM_PROCID' | sort -u)
echo "sum of ranks: $sum"
srun bash -c 'sleep 0.0$((6 - SLURM_PROCID)); prun barrier; echo "rank $SLURM_PROCID of $SLURM_NTASKS on $SLURMD_NODENAME"'
"""


def main():
    keep = {key: value for key, value in os.environ.items() if not key.startswith(("PRUN_", "SBATCH_"))}
    with tempfile.TemporaryDirectory(prefix="prun-slurm-", dir=os.environ.get("PRUN_TEST_DIR")) as name:
        work = pathlib.Path(name)
        work.chmod(0o755)
        environment = {**keep, "PRUN_DIR": str(work / "home"), "XDG_CACHE_HOME": str(work / "cache")}

        def prun(*words):
            return subprocess.run([PRUN, *words], cwd=work, env=environment, text=True, capture_output=True, timeout=120)

        (work / "job.sh").write_text(JOB)
        outputs = {}

        def take(place):
            outputs[place] = (work / "result.out").read_text()
            (work / "result.out").unlink()

        assert prun("--local", "3x2", "--quiet", "job.sh").returncode == 0
        take("embedded")
        assert prun("up", "--local", "3x2").returncode == 0
        try:
            assert prun("--quiet", "job.sh").returncode == 0
        finally:
            assert prun("down", "--purge").returncode == 0
        take("prun up")
        through = prun("--on", "slurm", "job.sh")
        assert through.returncode == 0, through
        take("real Slurm")
        assert len(set(outputs.values())) == 1 and "sum of ranks: 15" in outputs["embedded"], outputs

        # What the script writes is shown, its arguments arrive, and its code is the exit code.
        (work / "code.sh").write_text("#!/bin/sh\n#SBATCH -n 1\necho \"job $SLURM_JOB_ID says $1\"\nexit 7\n")
        coded = prun("--on", "slurm", "code.sh", "hello")
        assert coded.returncode == 7, coded
        number = coded.stderr.split("prun: job ")[1].split()[0]
        assert coded.stdout == f"job {number} says hello\n", coded

        # Inside of an allocation that is there already, nothing has to be said.
        command = ["salloc", "-N", "2", "-n", "4", str(PRUN), "--quiet", "-n", "4", "--wrap", "srun hostname | wc -l"]
        inside = subprocess.run(command, cwd=work, env=environment, text=True, capture_output=True, timeout=120)
        assert inside.returncode == 0 and inside.stdout.strip() == "4", inside

        # Who stops it, cancels it.
        (work / "long.sh").write_text("#!/bin/sh\n#SBATCH -n 1 -o /dev/null\ntouch runs\nsleep 300\n")
        long = subprocess.Popen([PRUN, "--on", "slurm", "long.sh"], cwd=work, env=environment, text=True, stderr=subprocess.PIPE)
        end = time.monotonic() + 60
        while not (work / "runs").exists():
            assert time.monotonic() < end, "the job does not start"
            time.sleep(0.05)
        long.send_signal(signal.SIGINT)
        _, said = long.communicate(timeout=60)
        assert long.returncode == 130 and "prun: stopping job" in said, (long.returncode, said)

        # What cannot go this way is told.
        (work / "other.py").write_text("#!/usr/bin/python3\nprint(1)\n")
        other = prun("--on", "slurm", "other.py")
        assert other.returncode == 1 and "no script of `sh`" in other.stderr, other
        wrong = prun("--on", "slurm", "-p", "nope", "code.sh")
        assert wrong.returncode == 1 and "Slurm has not taken the job" in wrong.stderr, wrong
        shutil.rmtree(work / "cache", ignore_errors=True)
    print("one script, the same output:", ", ".join(outputs))


if __name__ == "__main__":
    sys.exit(main())
