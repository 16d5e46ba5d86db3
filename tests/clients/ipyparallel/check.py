"""IPython Parallel: a cluster whose engines (and then its controller too) are started by the Slurm launchers."""

import signal

from steps import HERE, finish, run, step, until, wait_for

import ipyparallel as ipp
from traitlets.config import Config

config = Config()
config.SlurmEngineSetLauncher.queue = "slurmpar"
config.SlurmEngineSetLauncher.batch_template = """#!/bin/sh
#SBATCH --export=ALL
#SBATCH --job-name=ipengine-{cluster_id}
#SBATCH --nodes=2
#SBATCH --ntasks={n}
#SBATCH --time=10
#SBATCH --comment=engines
#SBATCH --output=engines.out
srun {program_and_args}
"""


def cluster(**more):
    """A cluster in this directory."""
    return ipp.Cluster(engines="slurm", n=4, config=config, profile_dir=str(HERE / "profile"), engine_timeout=60, **more)


def where():
    import os
    return os.environ["SLURMD_NODENAME"], os.environ["SLURM_PROCID"]


def boom():
    raise ValueError("boom in an engine")


@step("four engines on two nodes, a map over them, an exception, interrupt, stop")
def _():
    engines = cluster()
    with engines as client:
        client.wait_for_engines(4, timeout=60)
        places = client[:].apply_sync(where)
        assert sorted(int(rank) for _, rank in places) == [0, 1, 2, 3] and len({node for node, _ in places}) == 2, places
        assert client.load_balanced_view().map_sync(lambda n: n * n, range(8)) == [n * n for n in range(8)]
        job = run("squeue", "-h", "-o", "%i %k %l").split()
        assert job[1:] == ["engines", "10:00"], job
        try:
            client[0].apply_sync(boom)
            raise AssertionError("no exception came back")
        except ipp.error.RemoteError as wrong:
            assert wrong.ename == "ValueError" and "boom in an engine" in wrong.evalue, wrong
        endless = client[:].apply_async(lambda: __import__("time").sleep(120))
        engines.signal_engines_sync(signal.SIGINT)
        try:
            endless.get(timeout=30)
            raise AssertionError("the interrupt did not arrive")
        except (ipp.error.CompositeError, ipp.error.RemoteError) as wrong:
            assert "KeyboardInterrupt" in str(wrong), wrong
    wait_for("end of the job", lambda: run("sacct", "-nXP", "-j", job[0], "-o", "State").startswith(("CANCELLED", "COMPLETED")))


@step("the controller as a job too")
def _():
    with cluster(controller="slurm") as client:
        client.wait_for_engines(4, timeout=60)
        assert sum(client[:].apply_sync(lambda: 1)) == 4
        names = run("squeue", "-h", "-o", "%j").split()
        assert len(names) == 2 and any(name.startswith("ipcontroller") for name in names), names
    wait_for("an empty queue", lambda: not run("squeue", "-h").strip())


finish()
