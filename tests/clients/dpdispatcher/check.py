"""DPDispatcher: tasks in groups, each a job, in a directory of their own on this host."""

from steps import HERE, finish, run, step

from dpdispatcher import Machine, Resources, Submission, Task

for name in ("work", "remote"):
    (HERE / name).mkdir()
machine = Machine.load_from_dict({"batch_type": "Slurm", "context_type": "LocalContext", "local_root": str(HERE / "work"),
                                  "remote_root": str(HERE / "remote")})


def tasks(*lines):
    """Tasks, each with a line of bash in a directory of its own."""
    for number in range(len(lines)):
        directory = HERE / "work" / f"task{number}"
        directory.mkdir(exist_ok=True)
        (directory / "in.txt").write_text(f"input {number}\n")
    return [Task(command=line, task_work_path=f"task{number}", forward_files=["in.txt"], backward_files=["out.txt"], outlog="log",
                 errlog="err") for number, line in enumerate(lines)]


def submit(every, group):
    """Runs tasks to their end, so many of them a job."""
    resources = Resources(number_node=1, cpu_per_node=2, gpu_per_node=0, queue_name="slurmpar", group_size=group,
                          custom_flags=["#SBATCH --mem=100M", "#SBATCH --time=0:05:00"], strategy={"ratio_unfinished": 0.0})
    Submission(work_base=".", machine=machine, resources=resources, task_list=every).run_submission(check_interval=1)


@step("five tasks in three jobs, with their files")
def _():
    submit(tasks(*["cat in.txt >out.txt; echo of $SLURM_JOB_ID >>out.txt"] * 5), group=2)
    said = [(HERE / "work" / f"task{number}" / "out.txt").read_text().splitlines() for number in range(5)]
    assert [lines[0] for lines in said] == [f"input {number}" for number in range(5)], said
    jobs = {lines[1] for lines in said}
    assert len(jobs) == 3, said
    ended = run("sacct", "-nXP", "-o", "State,Partition,AllocCPUS,ReqMem").split()
    assert ended == ["COMPLETED|slurmpar|2|100M"] * 3, ended


@step("a task that fails is tried again, and reported")
def _():
    try:
        submit(tasks("echo the task says why >&2; exit 3"), group=1)
        raise AssertionError("no exception came back")
    except RuntimeError as wrong:
        assert "failed" in str(wrong), wrong
    assert run("sacct", "-nXP", "-o", "State").split().count("FAILED") >= 2


finish()
