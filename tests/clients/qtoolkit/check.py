"""QToolKit: a queue manager over `SlurmIO` on this host, which jobflow-remote drives in turn."""

from steps import HERE, finish, run, step, until, wait_for

from qtoolkit.core.data_objects import CancelStatus, QResources, QState, SubmissionStatus
from qtoolkit.host.local import LocalHost
from qtoolkit.io.slurm import SlurmIO
from qtoolkit.manager import QueueManager

queue = QueueManager(SlurmIO(), LocalHost())


def submit(commands, **resources):
    """Submits, and gives the job's id."""
    options = QResources(**{"queue_name": "slurmpar", "job_name": "qtk-check", "time_limit": 125, **resources})
    result = queue.submit(commands, options=options, work_dir=HERE / "work", create_submit_dir=True)
    assert result.status == SubmissionStatus.SUCCESSFUL, result
    return result.job_id


@step("a job of every resource runs to its end")
def _():
    job = submit(["echo begins", "srun -n 2 hostname", "echo cpus $SLURM_CPUS_PER_TASK"], nodes=2, processes_per_node=1,
                 threads_per_process=2, memory_per_thread=100, output_filepath="out.txt", error_filepath="err.txt",
                 priority=0, email_address="nobody@example.org", job_name="qtk")
    until(job, "COMPLETED")
    said = (HERE / "work/out.txt").read_text().splitlines()
    assert said[0] == "begins" and said[-1] == "cpus 2" and len(said) == 4, said
    record = queue.get_job(job)
    assert record.state == QState.DONE and record.name == "qtk" and record.queue_name == "slurmpar", record
    assert record.info.nodes == 2 and record.info.cpus == 4 and record.info.threads_per_process == 2, record
    assert record.info.memory == 100 * 1024 and record.info.time_limit == 180, record
    return record


@step("lists of jobs by id and by user")
def _():
    running = submit("sleep 60", processes=2, job_name="busy")
    # More than there is beside the other one, so that it waits.
    waiting = submit("true", nodes=3, processes_per_node=2, job_name="waiting")
    wait_for("running job", lambda: queue.get_jobs_list([running])[0].state == QState.RUNNING)
    listed = {job.job_id: job for job in queue.get_jobs_list(user=run("id", "-un").strip())}
    assert listed[running].name == "busy" and listed[running].info.cpus == 2, listed
    assert listed[running].info.time_limit == 180, listed[running]
    assert listed[waiting].state == QState.QUEUED, listed[waiting]
    for job in (waiting, running):
        assert queue.cancel(job).status == CancelStatus.SUCCESSFUL
    until(running, "CANCELLED")
    return sorted(listed)


@step("jobs that are over are not listed, and that is no failure")
def _():
    job = submit("true", processes=1)
    until(job, "COMPLETED")
    assert [one for one in queue.get_jobs_list([job]) if one.state != QState.DONE] == []


@step("an array as one job")
def _():
    job = submit('echo "element $SLURM_ARRAY_TASK_ID" >e$SLURM_ARRAY_TASK_ID', processes=1, njobs=3)
    wait_for("all elements", lambda: len(list((HERE / "work").glob("e?"))) == 3)
    return f"job {job}"


@step("a failing job is FAILED")
def _():
    job = submit("exit 3", processes=1)
    until(job, "FAILED")
    assert queue.get_job(job).state == QState.FAILED


@step("a job that Slurm refuses is a failed submission with its words")
def _():
    result = queue.submit("true", options=QResources(queue_name="nowhere", processes=1), work_dir=HERE)
    assert result.status == SubmissionStatus.FAILED and result.exit_code == 1, result
    assert "invalid partition specified: nowhere" in result.stderr, result


@step("a cancel of what is not there says so")
def _():
    result = queue.cancel(987654)
    assert result.status in (CancelStatus.FAILED, CancelStatus.SUCCESSFUL), result
    return result.status


finish()
