"""batchspawner: the spawner as JupyterHub uses it, with a plain web server in place of the notebook server."""

import asyncio
import getpass
import socket
import sys
import urllib.request

from steps import HERE, finish, run, step, until, wait_for

from batchspawner import SlurmSpawner
from jupyterhub import orm
from jupyterhub.objects import Hub, Server
from jupyterhub.user import User

loop = asyncio.new_event_loop()
asyncio.set_event_loop(loop)
db = orm.new_session_factory("sqlite://")()


def free_port():
    """A port that nobody has now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def spawner(**settings):
    """A spawner of a user of a hub."""
    name = getpass.getuser()
    known = db.query(orm.User).filter_by(name=name).first() or orm.User(name=name)
    db.add(known)
    db.commit()
    user = User(known, {"spawner_class": SlurmSpawner})
    made = user._new_spawner("", spawner_class=SlurmSpawner, hub=Hub(), mock=True, api_token="token", oauth_client_id="client",
                             # What the hub does not keep, commands do not get.
                             env_keep=["PATH", "SLURM_CONF"],
                             **{"exec_prefix": "", "req_homedir": str(HERE), "req_partition": "slurmpar", "req_runtime": "10:00",
                                "req_memory": "200M", "req_nprocs": "2", "startup_poll_interval": 0.2,
                                "batchspawner_singleuser_cmd": "", "req_options": "--comment=notebook", **settings})
    made.mock_port = free_port()
    made.cmd = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(made.mock_port), "#"]
    made.server = Server.from_url(f"http://127.0.0.1:{made.mock_port}")
    return made


def go(call):
    """Runs a call to its end, which must not take for ever."""
    return loop.run_until_complete(asyncio.wait_for(call, 60))


@step("a server as a job: its node and port, and it answers")
def _():
    one = spawner()
    ip, port = go(one.start())
    assert ip.startswith("slurmnode") and port == one.mock_port, (ip, port)
    told = run("squeue", "-h", "-j", one.job_id, "-o", "%P %l %m %C %k %j %Z").split()
    assert told == ["slurmpar", "10:00", "200M", "2", "notebook", "spawner-jupyterhub", str(HERE)], told
    def answers():
        try:
            return urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5).status == 200
        except OSError:
            return False
    wait_for("an answer of the server", answers)
    assert go(one.poll()) is None
    job = one.job_id
    go(one.stop())
    until(job, "CANCELLED")
    assert go(one.poll()) == 1
    return f"job {job} on {ip}"


@step("a hub that comes back finds the job again")
def _():
    one = spawner()
    go(one.start())
    other = spawner()
    other.load_state(one.get_state())
    assert go(other.poll()) is None and other.job_id == one.job_id
    go(other.stop())
    until(one.job_id, "CANCELLED")


@step("a job that was ended outside is noticed")
def _():
    one = spawner()
    go(one.start())
    run("scancel", one.job_id)
    until(one.job_id, "CANCELLED")
    wait_for("the spawner to notice", lambda: go(one.poll()) == 1)


@step("a job that waits is pending")
def _():
    blocker = run("sbatch", "--parsable", "-N", "3", "--exclusive", "--wrap", "sleep 60").strip()
    one = spawner()
    begun = loop.create_task(one.start())
    go(asyncio.sleep(1.5))
    assert not begun.done() and one.job_status.startswith("PENDING"), one.job_status
    run("scancel", blocker)
    ip, _ = go(begun)
    go(one.stop())
    return ip


@step("a job that Slurm refuses is an error in its words")
def _():
    one = spawner(req_partition="nowhere")
    try:
        go(one.start())
    except RuntimeError as wrong:
        assert "invalid partition specified: nowhere" in str(wrong), wrong
        return
    raise AssertionError("it was taken")


finish()
