"""clusterscope: its command and its library, outside of a job and on the ranks of one."""

import json
import pathlib
import sys

from steps import HERE, finish, run, step

import clusterscope
from clusterscope.cache import CACHE_PATH
from clusterscope.slurm.partition import get_partition_info, get_partition_resources

INSIDE = """
import clusterscope, json
job = clusterscope.get_job()
job.set_torch_distributed_env_from_slurm()
import os
names = "RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR"
print(json.dumps({"id": job.get_job_id(), "name": job.get_job_name(), "rank": job.get_global_rank(),
                  **{name: os.environ[name] for name in names}, "port": job.get_master_port()}), flush=True)
"""


def forget():
    """What clusterscope found out last time it keeps for the whole machine, of whatever cluster that was."""
    pathlib.Path(CACHE_PATH).unlink(missing_ok=True)


forget()


@step("the cluster's name and version")
def _():
    said = run("cscope", "info")
    name = next(line.split("=")[1].strip() for line in run("scontrol", "show", "config").splitlines() if line.startswith("ClusterName"))
    assert f"Cluster Name: {name}" in said, said
    assert "Slurm Version: " + run("sinfo", "-V").split()[1] in said, said
    return clusterscope.cluster(), clusterscope.slurm_version()


@step("CPUs and memory of each partition's nodes")
def _():
    assert {line.replace(" ", "") for line in run("cscope", "cpus").splitlines()[1:]} == {"2,slurmpar", "2,debug"}
    assert {line.split(",")[0] for line in run("cscope", "mem").splitlines()[1:]} == {"1000"}
    assert run("cscope", "gpus").strip() == "No GPUs found"


@step("partitions by scontrol and by sinfo")
def _():
    assert [one.name for one in get_partition_info()] == ["slurmpar", "debug"]
    assert get_partition_resources("debug") == {"max_gpus": 0, "max_cpus": 2}
    return get_partition_info()[0]


@step("what a job should ask for, as directives that Slurm takes")
def _():
    said = run("cscope", "job-gen", "task", "slurm", "--partition", "slurmpar", "--cpus-per-task", "1", "--format", "sbatch")
    script = HERE / "job.sh"
    script.write_text(said if said.startswith("#!") else f"#!/bin/bash\n{said}")
    script.write_text(script.read_text() + "\necho it runs\n")
    run("sbatch", "--wait", "-o", "job.out", script)
    assert "it runs" in (HERE / "job.out").read_text()
    return " ".join(said.split())


@step("what ranks find out about their job")
def _():
    (HERE / "inside.py").write_text(INSIDE)
    run("sbatch", "--wait", "-J", "ranks", "-N", "2", "-n", "4", "--ntasks-per-node=2", "-o", "ranks.out", "--wrap",
        f"srun {sys.executable} inside.py")
    told = [json.loads(line) for line in (HERE / "ranks.out").read_text().splitlines()]
    assert [one["rank"] for one in told] == [0, 1, 2, 3], told
    assert [one["LOCAL_RANK"] for one in told] == ["0", "1", "0", "1"], told
    assert {(one["name"], one["WORLD_SIZE"], one["LOCAL_WORLD_SIZE"], one["MASTER_ADDR"]) for one in told} == {
        ("ranks", "4", "2", "slurmnode1")}, told
    assert len({one["port"] for one in told}) == 1, told


forget()
finish()
