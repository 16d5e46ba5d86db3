"""Toil: a Python workflow on its Slurm batch system."""

import os
import signal
import subprocess
import sys

from steps import HERE, finish, run, step, wait_for

WORKFLOW = '''
import os, sys, time
from toil.common import Toil
from toil.job import Job

KIND = {"memory": "100M", "disk": "10M", "cores": 1}

def square(job, n):
    job.log(f"square {n} in {os.environ['SLURM_JOB_ID']} on {os.environ['SLURMD_NODENAME']}")
    return n * n

def add(job, numbers):
    return sum(numbers)

def tree(job, size):
    squares = [job.addChildJobFn(square, n, **KIND).rv() for n in range(size)]
    return job.addFollowOnJobFn(add, squares, **KIND).rv()

def broken(job):
    raise ValueError("boom in a job")

def endless(job):
    time.sleep(300)

root = {"tree": lambda: Job.wrapJobFn(tree, 3, **KIND), "broken": lambda: Job.wrapJobFn(broken, **KIND),
        "refused": lambda: Job.wrapJobFn(square, 1, **KIND), "endless": lambda: Job.wrapJobFn(endless, **KIND)}

if __name__ == "__main__":
    options = Job.Runner.getDefaultArgumentParser()
    options.add_argument("what")
    options = options.parse_args()
    with Toil(options) as toil:
        print("result", toil.start(root[options.what]()))
'''
(HERE / "flow.py").write_text(WORKFLOW)


def toil(what, *options):
    """The command of a workflow."""
    return [sys.executable, "flow.py", str(HERE / f"store-{what}"), "--batchSystem", "slurm", "--disableCaching", "--logLevel",
            "INFO", "--statePollingTimeout", "1", "--disableProgress", "--batchLogsDir", str(HERE), "--slurmTime", "5:00",
            "--workDir", str(HERE), *options, what]


def whole(what, *options, code=0, env=None):
    """Runs a workflow to its end; gives what it said."""
    done = subprocess.run(toil(what, *options), text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=150, env={**os.environ, **(env or {})})
    assert done.returncode == code, f"ended with {done.returncode}: {done.stdout[-3000:]}"
    return done.stdout


@step("a workflow of five jobs")
def _():
    said = whole("tree", "--slurmPartition", "slurmpar")
    assert "result 5" in said, said
    jobs = run("sacct", "-nXP", "-o", "JobName,State,Partition,Timelimit").splitlines()
    own = [job.split("|") for job in jobs if job.startswith("toil_job_")]
    assert len(own) >= 3 and all(job[1:] == ["COMPLETED", "slurmpar", "00:05:00"] for job in own), jobs
    return f"{len(own)} jobs"


@step("a failing job is tried again and reported")
def _():
    said = whole("broken", "--retryCount", "1", code=1)
    assert "boom in a job" in said and said.count("Issued job 'broken'") >= 2, said
    states = run("sacct", "-nXP", "-o", "JobName,State,ExitCode").splitlines()
    assert any("broken|FAILED|1:0" in state for state in states), states


@step("a job that Slurm refuses is reported in its words")
def _():
    # Toil would try for ever.
    with subprocess.Popen(toil("refused", "--slurmPartition", "nowhere"), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True) as child:
        said = ""
        while "invalid partition specified: nowhere" not in said:
            line = child.stdout.readline()
            assert line, said
            said += line
        child.kill()


@step("Ctrl-C cancels the jobs")
def _():
    with subprocess.Popen(toil("endless"), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True) as child:
        job = wait_for("running job", lambda: run("squeue", "-h", "-t", "R", "-o", "%i").split())[0]
        os.kill(child.pid, signal.SIGINT)
        said = child.communicate(timeout=60)[0]
    assert child.returncode != 0, said
    wait_for("cancelled job", lambda: run("sacct", "-nXP", "-j", job, "-o", "State").startswith("CANCELLED"))


finish()
