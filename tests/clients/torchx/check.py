"""TorchX: apps on its Slurm scheduler, by its runner."""

from steps import HERE, finish, run, step, until, wait_for

import torchx.specs as specs
from torchx.runner import get_runner
from torchx.schedulers.api import Stream
from torchx.specs import AppState

runner = get_runner("check")


def launch(name, *roles, **options):
    """Starts an app; gives its handle."""
    app = specs.AppDef(name=name, roles=list(roles))
    return runner.run(app, "slurm", cfg={"partition": "slurmpar", "time": "5", "job_dir": directory(name), **options})


def directory(name):
    """Where an app's script and output are."""
    place = HERE / name
    place.mkdir(exist_ok=True)
    return str(place)


def role(name, script, replicas=1, cpu=1, **more):
    """A role whose replicas run a line of bash."""
    return specs.Role(name=name, image=str(HERE), entrypoint="bash", args=["-c", script], num_replicas=replicas,
                      resource=specs.Resource(cpu=cpu, gpu=0, memMB=100), **more)


def output(handle, name, replica=0, stream=Stream.STDOUT):
    """What a replica wrote, as TorchX reads it."""
    return "".join(runner.log_lines(handle, name, replica, streams=stream))


def number(handle):
    """The job's number in an app's handle."""
    return handle.rpartition("/")[2]


@step("an app of one replica: environment, status, logs")
def _():
    handle = launch("one", role("trainer", "echo I am $ROLE of job $SLURM_JOB_ID; echo a note >&2", env={"ROLE": "trainer"}))
    status = runner.wait(handle, wait_interval=0.5)
    assert status.state == AppState.SUCCEEDED, status
    assert output(handle, "trainer") == f"I am trainer of job {number(handle)}\n", output(handle, "trainer")
    assert "a note" in output(handle, "trainer", stream=Stream.STDERR)
    return handle


@step("an app of three replicas is a heterogeneous job of one step")
def _():
    handle = launch("three", role("reader", "echo reader in group $SLURM_HET_SIZE on $SLURMD_NODENAME", cpu=2),
                    role("worker", "echo worker $SLURM_PROCID of $SLURM_NTASKS", replicas=2))
    status = runner.wait(handle, wait_interval=0.5)
    assert status.state == AppState.SUCCEEDED, status
    assert {one.role: len(one.replicas) for one in status.roles} == {"reader": 1, "worker": 2}, status
    said = [output(handle, "reader"), output(handle, "worker", 0), output(handle, "worker", 1)]
    assert said[0].startswith("reader in group 3 on slurmnode"), said
    assert [line.split()[0] for line in said] == ["reader", "worker", "worker"], said
    return said


@step("a replica that fails ends the others, and the app is FAILED")
def _():
    handle = launch("broken", role("good", "sleep 200"), role("bad", "exit 3"))
    status = runner.wait(handle, wait_interval=0.5)
    assert status.state == AppState.FAILED, status


@step("an app that fails is requeued as often as it may be retried")
def _():
    handle = launch("again", role("again", "echo try ${SLURM_RESTART_COUNT:-0}; [ ${SLURM_RESTART_COUNT:-0} = 1 ]", max_retries=2))
    until(number(handle), "COMPLETED", seconds=60)
    assert "Restarts=1" in run("scontrol", "show", "job", number(handle))


@step("all apps listed")
def _():
    apps = {app.app_id: app.state for app in runner.list("slurm")}
    assert AppState.SUCCEEDED in apps.values() and AppState.FAILED in apps.values(), apps
    return len(apps)


@step("cancel")
def _():
    handle = launch("endless", role("endless", "sleep 300"))
    wait_for("running app", lambda: runner.status(handle).state == AppState.RUNNING)
    runner.cancel(handle)
    until(number(handle), "CANCELLED")


@step("an app that Slurm refuses is an error")
def _():
    try:
        launch("refused", role("refused", "true"), partition="nowhere")
    except Exception as wrong:
        return f"{type(wrong).__name__}: {wrong}"[:200]
    raise AssertionError("it was taken")


finish()
