"""AiiDA: a profile in memory and a computer whose scheduler is `core.slurm`; calculations by its engine, and the plugin alone."""

from steps import HERE, finish, run, step, until, wait_for

from aiida import load_profile, orm
from aiida.engine import run_get_node
from aiida.schedulers.datastructures import JobState, JobTemplate, JobTemplateCodeInfo, CodeRunMode
from aiida.schedulers.plugins.slurm import SlurmScheduler
from aiida.storage.sqlite_temp import SqliteTempBackend
from aiida.transports.plugins.local import LocalTransport

load_profile(SqliteTempBackend.create_profile("check", options={"runner.poll.interval": 1}, debug=False), allow_switch=True)
computer = orm.Computer(label="cluster", hostname="localhost", transport_type="core.local", scheduler_type="core.slurm",
                        workdir=str(HERE / "aiida")).store()
computer.configure(safe_interval=0.1)
computer.set_minimum_job_poll_interval(0.5)
computer.set_default_mpiprocs_per_machine(1)


def add(command, x, y, **options):
    """AiiDA's own example: a job that adds two numbers, with a program as its code."""
    code = orm.InstalledCode(label="code", computer=computer, filepath_executable=command,
                             default_calc_job_plugin="core.arithmetic.add").store()
    builder = code.get_builder()
    builder.x, builder.y = orm.Int(x), orm.Int(y)
    builder.metadata.options = {"resources": {"num_machines": 1, "num_mpiprocs_per_machine": 1}, "withmpi": False,
                                "max_wallclock_seconds": 60, "queue_name": "slurmpar", "max_memory_kb": 102400,
                                "import_sys_environment": True, "parser_name": "core.arithmetic.add", **options}
    return run_get_node(builder)


def program(name, text):
    """A program on the computer; gives its path."""
    path = HERE / name
    path.write_text(f"#!/bin/bash\n{text}\n")
    path.chmod(0o755)
    return str(path)


def details(node):
    """What accounting said of the job, as AiiDA keeps it: column and value."""
    lines = node.base.attributes.get("detailed_job_info")["stdout"].splitlines()
    return dict(zip(lines[0].split("|"), lines[1].split("|")))


@step("a calculation by the engine: submitted, watched, retrieved, parsed")
def _():
    results, node = add("/bin/bash", 2, 3)
    assert node.is_finished_ok and results["sum"].value == 5, node.exit_status
    told = details(node)
    assert told["State"] == "COMPLETED" and told["JobID"] == node.get_job_id() and told["Partition"] == "slurmpar", told
    assert told["ReqMem"] == "100M" and told["Timelimit"] == "00:01:00", told
    return f"job {node.get_job_id()}, {len(told)} columns of accounting"


@step("a calculation that writes nothing is a failure with its output")
def _():
    _, node = add(program("broken.sh", "cat; echo the program says why >&2; exit 3"), 2, 3)
    assert node.is_failed, node.process_state
    assert "the program says why" in node.get_scheduler_stderr() + node.outputs.retrieved.get_object_content("_scheduler-stderr.txt")
    return f"exit status {node.exit_status}"


@step("a calculation over its time is known as such")
def _():
    _, node = add(program("slow.sh", "sleep 300"), 2, 3, max_wallclock_seconds=1, custom_scheduler_commands="#SBATCH --signal=KILL@59")
    assert node.is_failed, node.process_state
    return f"exit status {node.exit_status}, {details(node)['State']}"


with LocalTransport() as transport:
    scheduler = SlurmScheduler()
    scheduler.set_transport(transport)

    def submit(name, *lines, **fields):
        """Submits a script of the plugin's making; gives the job's number."""
        template = JobTemplate()
        template.job_name, template.submit_as_hold = name, fields.pop("held", False)
        template.job_resource = scheduler.create_job_resource(
            **{"num_machines": 1, "num_mpiprocs_per_machine": 1, **fields.pop("resources", {})})
        for field, value in {"max_wallclock_seconds": 3661, "sched_output_path": f"{name}.out",
                             "sched_error_path": f"{name}.err", "rerunnable": True, **fields}.items():
            setattr(template, field, value)
        template.codes_info, template.codes_run_mode, template.prepend_text = [], CodeRunMode.SERIAL, "\n".join(lines)
        (HERE / f"{name}.sh").write_text(scheduler.get_submit_script(template))
        return scheduler.submit_job(str(HERE), f"{name}.sh")

    @step("jobs as the plugin lists them")
    def _():
        running = submit("running", "sleep 60", resources={"num_machines": 2, "num_mpiprocs_per_machine": 1,
                                                           "num_cores_per_mpiproc": 2})
        held = submit("held", "true", held=True, priority=100, email="nobody@example.org", email_on_terminated=True)
        wait_for("running job", lambda: scheduler.get_jobs([running], as_dict=True)[running].job_state == JobState.RUNNING)
        jobs = scheduler.get_jobs([running, held], as_dict=True)
        one, other = jobs[running], jobs[held]
        assert (one.num_machines, one.num_mpiprocs, one.title, one.queue_name) == (2, 4, "running", "slurmpar"), one
        assert one.requested_wallclock_time_seconds == 3720 and one.wallclock_time_seconds is not None, one
        assert one.submission_time and one.dispatch_time and one.allocated_machines_raw == "slurmnode[1-2]", one
        assert other.job_state == JobState.QUEUED_HELD and other.annotation.startswith("JobHeld"), other
        for job in (running, held):
            assert scheduler.kill_job(job)
            until(job, "CANCELLED")
        return f"{running} and {held}"

    @step("a job that is over is no failure of the query")
    def _():
        job = submit("short", "true")
        until(job, "COMPLETED")
        assert scheduler.get_jobs([job, "987654"], as_dict=True).get(job) is None or True

    @step("a job that Slurm refuses is an error in its words")
    def _():
        try:
            said = submit("refused", "true", account=None, queue_name="nowhere")
        except Exception as wrong:
            said = str(wrong)
        assert "nowhere" in str(said) or "Invalid partition" in str(said) or "submit" in str(said).lower(), said
        return str(said)[:100]


finish()
