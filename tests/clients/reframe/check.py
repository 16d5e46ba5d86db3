"""ReFrame: a suite of regression tests on a system with the schedulers `slurm` and `squeue`, as `reframe -r` runs it."""

import json
import re
import subprocess

from steps import HERE, finish, run, step

SETTINGS = """
def partition(name, scheduler, **more):
    return {"name": name, "scheduler": scheduler, "launcher": "srun", "environs": ["builtin"], "max_jobs": 4, **more}

site_configuration = {
    "systems": [{
        "name": "here", "hostnames": [".*"],
        "partitions": [partition("sacct", "slurm"), partition("queue", "squeue"),
                       partition("debug", "slurm", access=["--partition=debug"])],
    }],
    "environments": [{"name": "builtin"}],
    "logging": [{"level": "debug", "handlers": [{"type": "stream", "name": "stdout", "level": "info",
                                                 "format": "%(message)s"}]}],
}
"""
SUITE = """
import reframe as rfm
import reframe.utility.sanity as sn

class Base(rfm.RunOnlyRegressionTest):
    valid_systems = ["*"]
    valid_prog_environs = ["*"]
    executable = "bash"
    time_limit = "3m"

@rfm.simple_test
class Ranks(Base):
    num_tasks = 4
    num_tasks_per_node = 2
    executable_opts = ["-c", "'echo rank $SLURM_PROCID on $SLURMD_NODENAME; echo note >&2'"]

    @sanity_function
    def all_of_them(self):
        return sn.assert_eq(sn.count(sn.extractall(r"rank \\\\d on slurmnode\\\\d", self.stdout)), 4)

    @performance_function("ranks")
    def ranks(self):
        return sn.count(sn.extractall(r"rank", self.stdout))

@rfm.simple_test
class Array(Base):
    num_tasks = 1
    executable_opts = ["-c", "'echo element $SLURM_ARRAY_TASK_ID'"]

    @run_before("run")
    def as_array(self):
        self.job.options += ["--array=0-2"]

    @sanity_function
    def all_of_them(self):
        return sn.assert_eq(sn.count(sn.extractall(r"element [012]", self.stdout)), 3)

@rfm.simple_test
class Idle(Base):
    num_tasks = 0
    num_tasks_per_node = 1
    executable_opts = ["-c", "'echo node $SLURMD_NODENAME'"]

    @sanity_function
    def every_node(self):
        return sn.assert_eq(sn.count(sn.extractall(r"node slurmnode\\\\d", self.stdout)), self.job.num_tasks)

@rfm.simple_test
class Broken(Base):
    executable_opts = ["-c", "'echo the test says why; exit 3'"]

    @sanity_function
    def never(self):
        return sn.assert_eq(self.job.exitcode, 0)

@rfm.simple_test
class Slow(Base):
    time_limit = "1m"
    executable = "sleep"
    executable_opts = ["120"]
    max_pending_time = "3s"

    @run_before("run")
    def blocked(self):
        self.job.options += ["--hold"]

    @sanity_function
    def never(self):
        return True
""".replace("\\\\", "\\")


def reframe(*options, code=0):
    """Runs tests; gives its report and what was said."""
    report = HERE / "report.json"
    report.unlink(missing_ok=True)
    done = subprocess.run(["reframe", "-C", HERE / "settings.py", "-c", HERE / "suite.py", "--prefix", HERE / "rfm",
                           "--report-file", report, "-r", *options], cwd=HERE, text=True, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=150)
    assert done.returncode == code, f"ended with {done.returncode}: {done.stdout[-3000:]}"
    cases = [case for one in json.loads(report.read_text())["runs"] for case in one["testcases"]] if report.exists() else []
    return cases, done.stdout


(HERE / "settings.py").write_text(SETTINGS)
(HERE / "suite.py").write_text(SUITE)


@step("four ranks on two nodes, states by sacct, performance read")
def _():
    cases, said = reframe("--system=here:sacct", "-n", "^Ranks$")
    assert [case["result"] for case in cases] == ["pass"], said
    assert len(cases[0]["job_nodelist"]) == 2, cases[0]["job_nodelist"]
    assert cases[0]["job_completion_time_unix"], cases[0]
    return f"job {cases[0]['jobid']} on {' '.join(cases[0]['job_nodelist'])}"


@step("the same, states by squeue")
def _():
    cases, said = reframe("--system=here:queue", "-n", "^Ranks$")
    assert [case["result"] for case in cases] == ["pass"], said


@step("an array's output is put together")
def _():
    cases, said = reframe("--system=here:sacct", "-n", "^Array$")
    assert [case["result"] for case in cases] == ["pass"], said


@step("as many tasks as nodes are idle")
def _():
    cases, said = reframe("--system=here:sacct", "-n", "^Idle$", "--flex-alloc-nodes=idle")
    assert len(cases[0]["job_nodelist"]) == 3, said


@step("a test for each idle node of a partition")
def _():
    cases, said = reframe("--system=here:debug", "-n", "^Ranks$", "--distribute=idle", "-S", "num_tasks=1",
                          "-S", "num_tasks_per_node=1", code=1)
    assert len(cases) == 1 and cases[0]["job_nodelist"] == ["slurmnode1"], said
    assert "rank 0 on slurmnode1" in said or cases[0]["result"] == "fail", said


@step("a failing test is reported with its exit code and output")
def _():
    cases, said = reframe("--system=here:sacct", "-n", "^Broken$", code=1)
    assert cases[0]["result"] == "fail" and cases[0]["job_exitcode"] == 3, cases[0]
    assert any("the test says why" in path.read_text() for path in (HERE / "rfm").rglob("*.out")), said


@step("a job that waits too long is cancelled")
def _():
    cases, said = reframe("--system=here:sacct", "-n", "^Slow$", code=1)
    states = run("sacct", "-nXP", "-j", cases[0]["jobid"], "-o", "State")
    assert states.startswith("CANCELLED"), (states, said)


@step("an option that Slurm refuses is reported in its words")
def _():
    cases, said = reframe("--system=here:sacct", "-n", "^Ranks$", "-J", "partition=nowhere", code=1)
    assert re.search(r"invalid partition specified: nowhere|Invalid partition", said), said


finish()
