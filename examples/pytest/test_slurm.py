"""What a project that uses Slurm tests: its script, and its functions through submitit."""

import subprocess

import pytest


def test_a_script_writes_its_ranks_in_order(slurm, tmp_path):
    script = tmp_path / "job.sh"
    script.write_text("#!/bin/bash\n#SBATCH -n 6 -o result.out\nsrun bash -c 'echo rank $SLURM_PROCID'\n")
    subprocess.run(["sbatch", "--wait", script], cwd=tmp_path, check=True)
    assert (tmp_path / "result.out").read_text() == "".join(f"rank {rank}\n" for rank in range(6))


def test_a_failing_job_is_reported(slurm, tmp_path):
    failed = subprocess.run(["sbatch", "--wait", "-o", "/dev/null", "--wrap", "exit 7"], cwd=tmp_path)
    assert failed.returncode == 7


def test_functions_run_as_jobs(slurm, tmp_path):
    submitit = pytest.importorskip("submitit")
    executor = submitit.AutoExecutor(folder=tmp_path / "logs")
    executor.update_parameters(timeout_min=1, slurm_array_parallelism=2)
    jobs = executor.map_array(pow, [1, 2, 3], [2, 2, 2])
    assert [job.result() for job in jobs] == [1, 4, 9]
