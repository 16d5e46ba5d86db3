"""FireWorks: its adapter for queues, as `qlaunch` uses it (the database that names the work is not Slurm's concern)."""

import getpass

from steps import HERE, finish, run, step, until, wait_for

from fireworks.user_objects.queue_adapters.common_adapter import CommonAdapter


def adapter(line, **more):
    """An adapter whose jobs run a line."""
    return CommonAdapter("SLURM", "fw", rocket_launch=line, launch_dir=str(HERE), **{
        "nodes": 2, "ntasks": 4, "ntasks_per_node": 2, "walltime": "00:05:00", "queue": "slurmpar", "job_name": "firework",
        "mem": "100M", "signal": "USR1@10", "pre_rocket": "export FROM=here", **more})


def submit(made):
    """Submits; gives the job's number."""
    (HERE / "fw.sh").write_text(made.get_script_str(str(HERE)))
    return made.submit_to_queue(str(HERE / "fw.sh"))


@step("a script of the template runs")
def _():
    job = submit(adapter('srun bash -c \'echo rank $SLURM_PROCID "$FROM"\''))
    until(str(job), "COMPLETED")
    said = sorted((HERE / f"firework-{job}.out").read_text().splitlines())
    assert said == [f"rank {rank} here" for rank in range(4)], said


@step("the user's jobs in the queue are counted")
def _():
    made = adapter("sleep 60", nodes=1, ntasks=1, ntasks_per_node=1)
    before = made.get_njobs_in_queue(getpass.getuser())
    jobs = [submit(made), submit(made)]
    wait_for("both jobs in the count", lambda: made.get_njobs_in_queue(getpass.getuser()) == before + 2)
    run("scancel", *jobs)
    wait_for("neither in the count", lambda: made.get_njobs_in_queue(getpass.getuser()) == before)


@step("a job that Slurm refuses has no number")
def _():
    made = adapter("true", queue="nowhere")
    assert submit(made) is None


finish()
