"""Snakemake with its Slurm executor: whole workflows, as a user starts them."""

import os
import signal
import subprocess

from steps import HERE, finish, run, step, wait_for

WORKFLOW = """
rule all:
    input: "all.txt"

rule number:
    output: "part/{n}.txt"
    resources: mem_mb=100, runtime=2
    shell: "echo {wildcards.n} on $SLURMD_NODENAME >{output}"

rule gather:
    input: expand("part/{n}.txt", n=range(2))
    output: "all.txt"
    threads: 2
    resources: mem_mb=200, runtime=2, slurm_partition="slurmpar"
    shell: "cat {input} >{output}; echo cpus $SLURM_CPUS_PER_TASK of job $SLURM_JOB_NAME >>{output}"
"""
RANKS = """
rule ranks:
    output: "ranks.txt"
    resources: mpi="srun", tasks=4, nodes=2, mem_mb=100, runtime=2
    shell: "{resources.mpi} -n {resources.tasks} bash -c 'echo rank $SLURM_PROCID of $SLURM_NTASKS' >{output}"
"""
BROKEN = """
rule broken:
    output: "never.txt"
    resources: mem_mb=50, runtime=2
    shell: "echo the rule says why; exit 3"
"""
ENDLESS = """
rule endless:
    output: "never.txt"
    resources: mem_mb=50, runtime=9
    shell: "sleep 300"
"""
OPTIONS = ["--executor", "slurm", "--jobs", "6", "--slurm-init-seconds-before-status-checks", "1", "--latency-wait", "5",
           "--seconds-between-status-checks", "1"]


def place(name, workflow):
    """A directory with a Snakefile."""
    directory = HERE / name
    directory.mkdir()
    (directory / "Snakefile").write_text(workflow)
    return directory


def snakemake(directory, *options, code=0):
    """Runs a workflow to its end; gives what Snakemake said."""
    done = subprocess.run(["snakemake", *OPTIONS, *options], cwd=directory, text=True, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=150)
    assert done.returncode == code, f"ended with {done.returncode}: {done.stdout[-3000:]}"
    return done.stdout


@step("a workflow of three jobs, states by sacct")
def _():
    directory = place("sacct", WORKFLOW)
    said = snakemake(directory, "--slurm-status-command", "sacct", "--slurm-efficiency-report")
    lines = (directory / "all.txt").read_text().splitlines()
    assert [line.split()[0] for line in lines] == ["0", "1", "cpus"], lines
    assert lines[-1].startswith("cpus 2 of job "), lines
    assert said.count("has been submitted with SLURM jobid") == 3, said
    report = list(directory.glob("efficiency_report*"))
    assert report, f"no efficiency report: {said}"
    return report[0].name


@step("the same, states by squeue, commands as scripts on standard input")
def _():
    directory = place("squeue", WORKFLOW)
    snakemake(directory, "--slurm-status-command", "squeue", "--slurm-pass-command-as-script")
    assert len((directory / "all.txt").read_text().splitlines()) == 3


@step("a rule's jobs as one array")
def _():
    directory = place("array", WORKFLOW)
    said = snakemake(directory, "--slurm-array-jobs", "number", "--slurm-array-limit", "2")
    assert len((directory / "all.txt").read_text().splitlines()) == 3
    names = run("sacct", "-n", "-X", "-P", "-o", "JobID").split()
    assert any("_" in name for name in names), (names, said)
    return " ".join(name for name in names if "_" in name)


@step("a rule of four ranks on two nodes, by srun")
def _():
    directory = place("ranks", RANKS)
    snakemake(directory)
    assert sorted((directory / "ranks.txt").read_text().splitlines()) == [f"rank {n} of 4" for n in range(4)]


@step("a failing rule is reported, with its log")
def _():
    directory = place("broken", BROKEN)
    said = snakemake(directory, code=1)
    assert "SLURM status is: 'FAILED'" in said, said
    logs = list((directory / ".snakemake/slurm_logs").rglob("*.log"))
    assert logs and "the rule says why" in logs[0].read_text(), logs


@step("a job that Slurm refuses is reported in its words")
def _():
    directory = place("refused", BROKEN.replace("mem_mb=50", 'mem_mb=50, slurm_partition="nowhere"'))
    said = snakemake(directory, code=1)
    assert "invalid partition specified: nowhere" in said, said


@step("Ctrl-C cancels the jobs")
def _():
    directory = place("endless", ENDLESS)
    with subprocess.Popen(["snakemake", *OPTIONS], cwd=directory, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True) as child:
        job = wait_for("running job", lambda: run("squeue", "-h", "-t", "R", "-o", "%i").split())[0]
        os.kill(child.pid, signal.SIGINT)
        said = child.communicate(timeout=40)[0]
    assert child.returncode != 0, said
    wait_for("cancelled job", lambda: run("sacct", "-nXP", "-j", job, "-o", "State").startswith("CANCELLED"))


finish()
