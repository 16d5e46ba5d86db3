#!/usr/bin/env python3
"""Time of a whole launch, prun against Hydra, in turns on this machine: only the ratio means anything.

    bench/launch.py [--prun target/release/prun] [--rounds 40]

Runs `prun --local 3x2` with a script of `srun /bin/true` and `mpiexec.hydra -n 6 /bin/true` (Debian: mpich) one after the
other, round by round, and prints the medians, the quartiles and the ratio.
"""
import argparse, os, shutil, statistics, subprocess, sys, tempfile, time


def seconds(command, where, may_fail):
    """Of one run that succeeds. The peer may fail now and then, which is its affair: then it runs again."""
    for _ in range(5):
        begin = time.perf_counter()
        code = subprocess.run(command, cwd=where, stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode
        if code == 0:
            return time.perf_counter() - begin
        print(f"exit code {code}: {' '.join(command)}", file=sys.stderr)
        if not may_fail:
            break
    sys.exit(1)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--prun", default="target/release/prun")
    ap.add_argument("--rounds", type=int, default=40)
    a = ap.parse_args()
    hydra = shutil.which("mpiexec.hydra") or sys.exit("no mpiexec.hydra: install Debian's mpich")
    with tempfile.TemporaryDirectory() as where:
        with open(os.path.join(where, "job.sh"), "w") as script:
            script.write("#!/bin/bash\n#SBATCH --ntasks=6 --output=/dev/null\nsrun /bin/true\n")
        ways = {
            "prun --local 3x2": [os.path.abspath(a.prun), "--quiet", "--local", "3x2", "job.sh"],
            "mpiexec.hydra -n 6": [hydra, "-n", "6", "/bin/true"],
        }
        times = {name: [] for name in ways}
        for turn in range(a.rounds + 3):
            for name, command in ways.items():
                taken = seconds(command, where, command[0] == hydra)
                if turn >= 3:  # the first ones only warm the caches
                    times[name].append(taken)
    for name, all_of in times.items():
        low, middle, high = statistics.quantiles(all_of, n=4)
        print(f"{name:20} median {middle * 1e3:6.2f} ms   quartiles {low * 1e3:6.2f} – {high * 1e3:6.2f} ms")
    own, peer = (statistics.median(all_of) for all_of in times.values())
    print(f"ratio {own / peer:.2f}")


main()
