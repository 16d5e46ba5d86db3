#!/usr/bin/env python3
"""Drives `prun rest` with clients that nobody here wrote, generated from Slurm's own OpenAPI description.

Needs Python 3.9 with `ebi-slurpy` (its v0.0.42 client) from PyPI, and `target/debug/prun`. Starts a cluster of its own and
ends it.
"""

import os
import pathlib
import subprocess
import sys
import tempfile
import time

import slurpy.v0042 as slurpy

PRUN = pathlib.Path(__file__).resolve().parent.parent / "target/debug/prun"
DONE = {"COMPLETED", "FAILED", "CANCELLED", "TIMEOUT"}


def prun(*words, **environment):
    environment = {**os.environ, **environment}
    return subprocess.run([PRUN, *words], env=environment, check=True, text=True, stdout=subprocess.PIPE).stdout


def wait(api, job):
    """Waits until a job has ended, and gives it."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        [info] = api.get_job(str(job)).jobs
        if DONE & set(info.job_state):
            return info
        time.sleep(0.05)
    raise AssertionError(f"job {job} does not end: {info.job_state}")


def submit(api, directory, script, **fields):
    job = slurpy.JobDescMsg(
        environment=["PATH=/usr/bin:/bin"], current_working_directory=str(directory), **fields
    )
    answer = api.post_job_submit(slurpy.JobSubmitReq(script=script, job=job))
    assert not answer.errors, answer.errors
    return answer.job_id


def drive(client, directory):
    api, accounting = slurpy.SlurmApi(client), slurpy.SlurmdbApi(client)
    [ping] = api.get_ping().pings
    assert ping.responding and ping.pinged == "UP", ping
    assert [node.name for node in api.get_nodes().nodes] == ["slurmnode1", "slurmnode2", "slurmnode3"]
    assert api.get_partition("slurmpar").partitions[0].nodes.total == 3
    assert api.get_diag().statistics.jobs_submitted == 0
    assert api.get_reservations().reservations == [] and api.get_licenses().licenses == []

    # Submit, wait, read the output.
    script = "#!/bin/bash\nsrun bash -c 'echo rank $SLURM_PROCID of $SLURM_NTASKS'\n"
    job = submit(api, directory, script, name="good", tasks=3, standard_output="out-%j")
    info = wait(api, job)
    assert info.job_state == ["COMPLETED"] and info.exit_code.return_code.number == 0, info
    text = (directory / f"out-{job}").read_text()
    assert text == "".join(f"rank {rank} of 3\n" for rank in range(3)), text

    # A failure is reported with its code.
    failed = wait(api, submit(api, directory, "#!/bin/sh\nexit 7\n", name="bad", standard_output="/dev/null"))
    assert failed.job_state == ["FAILED"] and failed.exit_code.return_code.number == 7, failed

    # An array, one element a time, and its elements in accounting.
    array = submit(
        api, directory, "#!/bin/sh\necho $SLURM_ARRAY_TASK_ID\n", array="1-3%1", standard_output="array-%a"
    )
    end = time.monotonic() + 30
    while not all((directory / f"array-{element}").exists() for element in (1, 2, 3)):
        assert time.monotonic() < end, "the array does not end"
        time.sleep(0.05)
    elements = {job.array.task_id.number for job in accounting.get_job(str(array)).jobs}
    assert elements == {1, 2, 3}, elements

    # Held, changed, released, cancelled.
    limit = slurpy.Uint32NoValStruct(set=True, infinite=False, number=9)
    held = submit(api, directory, "#!/bin/sh\nsleep 100\n", hold=True, standard_output="/dev/null")
    assert not api.post_job(str(held), slurpy.JobDescMsg(comment="later", time_limit=limit)).errors
    [info] = api.get_job(str(held)).jobs
    assert (info.comment, info.time_limit.number, info.hold) == ("later", 9, True), info
    assert not api.post_job(str(held), slurpy.JobDescMsg(hold=False)).errors
    assert not api.delete_job(str(held)).errors
    assert wait(api, held).job_state == ["CANCELLED"]

    # Refusals say why.
    try:
        submit(api, directory, script, partition="nope")
        raise AssertionError("a partition that is not there was taken")
    except slurpy.exceptions.ApiException as refused:
        assert refused.status == 500 and "Invalid partition name specified" in refused.body, refused

    past = {job.name: job.state.current for job in accounting.get_jobs(start_time="2020-01-01").jobs}
    assert past["good"] == ["COMPLETED"] and past["bad"] == ["FAILED"], past
    assert [user.name for user in accounting.get_users().users], "no user"
    assert accounting.get_clusters().clusters and accounting.get_qos().qos and accounting.get_tres().tres


def main():
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        home = directory / "cluster"
        prun("up", "--dir", home, "--local", "3x2:1000", "--rest=127.0.0.1:0")
        try:
            controller = f"unix:{home}/controller/socket"
            token = prun("scontrol", "token", PRUN_CONTROLLER=controller).strip().removeprefix("SLURM_JWT=")
            configuration = slurpy.Configuration(host=(home / "rest/address").read_text().strip())
            configuration.api_key["token"] = token
            with slurpy.ApiClient(configuration) as client:
                drive(client, directory)
            configuration.api_key["token"] = token[:-2]
            with slurpy.ApiClient(configuration) as client:
                try:
                    slurpy.SlurmApi(client).get_jobs()
                    raise AssertionError("a wrong token was taken")
                except slurpy.exceptions.UnauthorizedException:
                    pass
        finally:
            prun("down", "--dir", home, "--purge")
    print("slurpy (v0.0.42): all as expected")


if __name__ == "__main__":
    sys.exit(main())
