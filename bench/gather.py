#!/usr/bin/env python3
"""Gathering 6 × 200 MB of output into one file, prun (in rank order) against Hydra (in no order), in turns.

    bench/gather.py [--prun target/release/prun] [--megabytes 200] [--rounds 5]

Each rank writes its megabytes with `head -c … /dev/zero`. Prints GB/s of both, their ratio, and the largest memory that
srun and the step process took.
"""
import argparse, os, re, shutil, statistics, subprocess, sys, tempfile, time

RANK = "head -c {bytes} /dev/zero; grep VmHWM /proc/$PPID/status > peak.$SLURM_PROCID"
SCRIPT = """#!/bin/bash
#SBATCH --ntasks=6 --output=peak.srun
python3 - <<'EOF'
import resource, subprocess
subprocess.run(["srun", "-o", "gathered", "bash", "-c", "{rank}"], check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
EOF
"""


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--prun", default="target/release/prun")
    ap.add_argument("--megabytes", type=int, default=200)
    ap.add_argument("--rounds", type=int, default=5)
    a = ap.parse_args()
    hydra = shutil.which("mpiexec.hydra") or sys.exit("no mpiexec.hydra: install Debian's mpich")
    size = a.megabytes * 1_000_000
    with tempfile.TemporaryDirectory() as where:
        with open(os.path.join(where, "job.sh"), "w") as script:
            script.write(SCRIPT.format(rank=RANK.format(bytes=size)))
        gathered = os.path.join(where, "gathered")
        ways = {
            "prun": ([os.path.abspath(a.prun), "--quiet", "--local", "3x2", "job.sh"], None),
            "hydra": ([hydra, "-n", "6", "head", "-c", str(size), "/dev/zero"], gathered),
        }
        times = {name: [] for name in ways}
        for _ in range(a.rounds):
            for name, (command, output) in ways.items():
                with open(output or os.devnull, "wb") as out:
                    begin = time.perf_counter()
                    subprocess.run(command, cwd=where, check=True, stdin=subprocess.DEVNULL, stdout=out)
                    times[name].append(time.perf_counter() - begin)
                assert os.path.getsize(gathered) == 6 * size, f"{name}: {os.path.getsize(gathered)} bytes"
                os.remove(gathered)
        rate = {name: 6 * size / 1e9 / statistics.median(all_of) for name, all_of in times.items()}
        for name, value in rate.items():
            print(f"{name:6} {value:5.2f} GB/s")
        print(f"ratio {rate['prun'] / rate['hydra']:.2f}")
        step = max(int(re.search(r"\d+", open(os.path.join(where, f"peak.{rank}")).read())[0]) for rank in range(6))
        srun = int(open(os.path.join(where, "peak.srun")).read())
        print(f"largest memory: srun {srun / 1024:.1f} MiB, step process {step / 1024:.1f} MiB")


main()
