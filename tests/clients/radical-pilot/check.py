"""RADICAL-Pilot: a pilot job on two nodes, whose agent starts tasks with srun."""

import json

from steps import HERE, finish, run, step, wait_for

RESOURCE = {"here": {
    "description": "a cluster of three nodes", "notes": "", "default_schema": "batch",
    "schemas": {"batch": {"job_manager_endpoint": "slurm://localhost/", "filesystem_endpoint": "file://localhost/"}},
    "default_remote_workdir": str(HERE), "default_queue": "slurmpar", "resource_manager": "SLURM", "agent_config": "default",
    "agent_scheduler": "CONTINUOUS", "agent_spawner": "POPEN", "launch_methods": {"order": ["SRUN"], "SRUN": {}},
    "rp_version": "installed", "virtenv_mode": "local", "python_dist": "default", "cores_per_node": 2, "gpus_per_node": 0,
    "mem_per_node": 900, "lfs_path_per_node": "/tmp", "lfs_size_per_node": 0,
}}
configs = HERE / ".radical/pilot/configs"
configs.mkdir(parents=True)
(configs / "resource_check.json").write_text(json.dumps(RESOURCE))

import radical.pilot as rp  # it reads those when it is imported

session = rp.Session()
pilots, tasks = rp.PilotManager(session=session), rp.TaskManager(session=session)
pilot = pilots.submit_pilots(rp.PilotDescription({
    "resource": "check.here", "nodes": 2, "runtime": 10, "queue": "slurmpar", "exit_on_error": False}))
tasks.add_pilots(pilot)


def submit(*words, **more):
    """A task of the pilot."""
    return tasks.submit_tasks(rp.TaskDescription({"executable": words[0], "arguments": list(words[1:]), **more}))


def steps():
    """The steps that run now, but for the pilot's script."""
    return [one for one in run("squeue", "-h", "-s", "-o", "%i").split() if not one.endswith((".batch", ".extern"))]


@step("the pilot is a job")
def _():
    pilot.wait(state=[rp.PMGR_ACTIVE, *rp.FINAL], timeout=180)
    assert pilot.state == rp.PMGR_ACTIVE, (pilot.state, pilot.stderr)
    job = run("squeue", "-h", "-o", "%i %D %C %l %P").split()
    assert job[1:] == ["2", "4", "10:00", "slurmpar"], job
    return f"job {job[0]}"


@step("tasks of one, two and four ranks are its steps")
def _():
    line = "echo rank $SLURM_PROCID of $SLURM_NTASKS on $SLURMD_NODENAME"
    ran = [submit("bash", "-c", line, ranks=ranks) for ranks in (1, 2, 4)]
    tasks.wait_tasks([task.uid for task in ran], timeout=90)
    for task, ranks in zip(ran, (1, 2, 4)):
        assert task.state == rp.DONE and task.exit_code == 0, (task.state, task.stderr)
        said = sorted(text for text in task.stdout.splitlines() if text)
        assert [text.rsplit(" on ")[0] for text in said] == [f"rank {rank} of {ranks}" for rank in range(ranks)], said
    return " ".join(run("sacct", "-nP", "-o", "JobID").split())


@step("a task that fails is FAILED, with its exit code and output")
def _():
    task = submit("bash", "-c", "echo the task says why >&2; exit 3")
    tasks.wait_tasks([task.uid], timeout=60)
    assert (task.state, task.exit_code) == (rp.FAILED, 3) and "the task says why" in task.stderr, (task.state, task.exit_code, task.stderr)


@step("a task that runs is cancelled, and its step is gone")
def _():
    task = submit("sleep", "300", ranks=2)
    task.wait(state=[rp.AGENT_EXECUTING, *rp.FINAL], timeout=60)
    wait_for("running step", steps)
    task.cancel()
    tasks.wait_tasks([task.uid], timeout=60)
    assert task.state == rp.CANCELED, task.state
    wait_for("end of its step", lambda: not steps())


@step("the pilot is cancelled, and its job ends")
def _():
    job = run("squeue", "-h", "-o", "%i").strip()
    pilot.cancel()
    pilot.wait(timeout=60)
    wait_for("end of the job", lambda: run("sacct", "-nXP", "-j", job, "-o", "State").split()[0] not in ("RUNNING", "COMPLETING"))
    return pilot.state


session.close(download=False)
finish()
