"""executorlib: functions by `srun` inside of a job or outside (`SlurmJobExecutor`) and as jobs (`SlurmClusterExecutor`)."""

import sys

from steps import HERE, finish, run, step, wait_for

from executorlib import SlurmClusterExecutor, SlurmJobExecutor, terminate_tasks_in_cache
from executorlib.standalone.hdf import get_queue_id

INSIDE = '''
from executorlib import SlurmJobExecutor

def where(n):
    import os
    return n, os.environ["SLURM_JOB_ID"], os.environ["SLURM_STEP_ID"]

with SlurmJobExecutor(max_cores=2) as executor:
    print(sorted(future.result() for future in [executor.submit(where, n) for n in range(4)]))
'''


def add(a, b):
    return a + b


def where(n):
    import os
    return n, os.environ.get("SLURM_JOB_ID"), os.environ.get("SLURM_CPUS_PER_TASK")


def ranks(n):
    from mpi4py import MPI
    return n, MPI.COMM_WORLD.Get_rank(), MPI.COMM_WORLD.allreduce(1)


def boom():
    raise ValueError("boom in the function")


def endless():
    import time
    time.sleep(300)


@step("functions by srun, each in an allocation of its own")
def _():
    with SlurmJobExecutor(max_workers=2, hostname_localhost=True) as executor:
        futures = [executor.submit(add, n, 10 * n, resource_dict={"cores": 1}) for n in range(4)]
        assert [future.result(timeout=60) for future in futures] == [0, 11, 22, 33]


@step("directory, threads and time limit become options of srun")
def _():
    with SlurmJobExecutor(max_workers=2, hostname_localhost=True) as executor:
        said = executor.submit(where, 7, resource_dict={"cores": 1, "threads_per_core": 2, "cwd": str(HERE),
                                                        "run_time_max": 120, "exclusive": True}).result(timeout=60)
    assert said[0] == 7 and said[1] and said[2] == "2", said
    assert run("sacct", "-nXP", "-j", said[1], "-o", "Timelimit").strip() == "00:03:00"


@step("a function of two ranks, which speak MPI")
def _():
    with SlurmJobExecutor(max_workers=2, hostname_localhost=True, pmi_mode="pmi2") as executor:
        said = executor.submit(ranks, 3, resource_dict={"cores": 2}).result(timeout=90)
    assert sorted(said) == [(3, 0, 2), (3, 1, 2)], said


@step("workers that stay (block allocation)")
def _():
    with SlurmJobExecutor(max_workers=2, block_allocation=True, hostname_localhost=True,
                          resource_dict={"cores": 1}) as executor:
        assert list(executor.map(add, [1, 2, 3], [4, 5, 6])) == [5, 7, 9]


@step("inside of a job: functions are its steps")
def _():
    (HERE / "inside.py").write_text(INSIDE)
    run("sbatch", "--wait", "-n", "2", "-o", "inside.out", "--wrap", f"{sys.executable} inside.py")
    said = (HERE / "inside.out").read_text()
    tuples = eval(said.strip().splitlines()[-1])
    assert [n for n, _, _ in tuples] == [0, 1, 2, 3] and len({job for _, job, _ in tuples}) == 1, said
    return said.strip()


@step("a function that fails is an exception here")
def _():
    with SlurmJobExecutor(max_workers=1, hostname_localhost=True) as executor:
        wrong = executor.submit(boom, resource_dict={"cores": 1}).exception(timeout=60)
    assert isinstance(wrong, ValueError) and "boom in the function" in str(wrong), wrong


@step("functions as jobs, one of which needs the others")
def _():
    with SlurmClusterExecutor(cache_directory=str(HERE / "cache"), resource_dict={"partition": "slurmpar"}) as executor:
        first = executor.submit(add, 1, 2, resource_dict={"cores": 1})
        second = executor.submit(add, first, 4, resource_dict={"cores": 1})
        assert second.result(timeout=90) == 7
    # Jobs have the name of the cache. The last one has its result before it is over.
    wait_for("two jobs to end", lambda: run("sacct", "-nXP", "--name", "cache", "-o", "State").split() == ["COMPLETED"] * 2)


@step("a function as a job that fails is an exception here")
def _():
    with SlurmClusterExecutor(cache_directory=str(HERE / "cache"), resource_dict={"partition": "slurmpar"}) as executor:
        wrong = executor.submit(boom, resource_dict={"cores": 1}).exception(timeout=90)
    assert "boom in the function" in str(wrong), wrong


@step("functions that run are cancelled")
def _():
    cache = str(HERE / "cancelled")
    executor = SlurmClusterExecutor(cache_directory=cache, resource_dict={"partition": "slurmpar"}, wait=False)
    executor.submit(endless, resource_dict={"cores": 1})
    job = wait_for("running job", lambda: run("squeue", "-h", "-t", "R", "-n", "cancelled", "-o", "%i").split())[0]
    # Its number is in the cache only after sbatch is over.
    wait_for("number in the cache", lambda: [get_queue_id(str(file)) for file in (HERE / "cancelled").glob("*_i.h5")] == [int(job)])
    terminate_tasks_in_cache(cache_directory=cache, backend="slurm")
    wait_for("cancelled job", lambda: run("sacct", "-nXP", "-j", job, "-o", "State").startswith("CANCELLED"))


finish()
