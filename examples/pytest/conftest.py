"""A Slurm for tests: a fixture that starts a cluster of prun once, and takes it down at the end.

Copy this file beside your tests; `prun` must be on PATH, or `PRUN` name it.
"""

import os
import subprocess

import pytest


@pytest.fixture(scope="session")
def slurm(tmp_path_factory):
    """Three nodes of two CPUs. Slurm's commands are on PATH, for this process and all that it starts, while it runs."""
    home = tmp_path_factory.mktemp("slurm")
    prun = os.environ.get("PRUN", "prun")
    subprocess.run([prun, "up", "--dir", home, "--local", "3x2"], check=True, stdout=subprocess.DEVNULL)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PRUN_CONTROLLER", f"unix:{home}/controller/socket")
        patch.setenv("PATH", str(home / "bin"), prepend=os.pathsep)
        yield home
    subprocess.run([prun, "down", "--dir", home, "--purge"], check=True)
