"""Hydra: a sweep over parameters (`--multirun`) by its submitit launcher."""

import subprocess
import sys

from steps import HERE, finish, run, step

APP = """
import os, hydra

@hydra.main(version_base=None)
def main(config):
    if config.get("broken"):
        raise ValueError("boom in the application")
    with open(config.out + f".{config.n}", "w") as file:
        file.write(f"{config.n} in {os.environ['SLURM_ARRAY_JOB_ID']}")
    return config.n

main()
"""
(HERE / "app.py").write_text(APP)


def sweep(*words):
    """Runs the application over its parameters; gives exit code and output."""
    done = subprocess.run([sys.executable, "app.py", "--multirun", "hydra/launcher=submitit_slurm", "hydra.launcher.timeout_min=5",
                           "hydra.launcher.mem_gb=null", "hydra.launcher.partition=slurmpar", "hydra.launcher.array_parallelism=2",
                           f"+out={HERE}/out", *words], cwd=HERE, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=100)
    return done.returncode, done.stdout


@step("three values as an array of two at a time")
def _():
    code, said = sweep("+n=1,2,3")
    assert code == 0, said
    results = [(HERE / f"out.{n}").read_text().split(" in ") for n in (1, 2, 3)]
    assert [n for n, _ in results] == ["1", "2", "3"] and len({job for _, job in results}) == 1, results
    assert run("sacct", "-nXP", "-j", results[0][1], "-o", "State").split() == ["COMPLETED"] * 3
    return f"job {results[0][1]}"


@step("an application that fails is reported")
def _():
    code, said = sweep("+n=4", "+broken=1")
    assert code != 0 and "boom in the application" in said, said


finish()
