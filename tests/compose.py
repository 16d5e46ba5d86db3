#!/usr/bin/env python3
"""The cluster in containers, on a Docker engine that is started for it: from nothing to the tutorial's result, and what
happens when containers die.

    tests/compose.py [--engine unix://SOCKET] [--compose COMMAND] [--screenshots DIRECTORY] [--keep DIRECTORY] [--only WORD]

Needs root, Debian's docker.io, docker-compose, debootstrap and Chromium, and Playwright (PyPI). With `--engine` it uses
a running engine; with `--keep` the engine's own directory stays, images and all, for the next time. Ends with a line of
what passed; exit code 1 when something did not.
"""

import argparse
import contextlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

import browser
import tutorial

TOP = pathlib.Path(__file__).resolve().parent.parent
FIVE = ["slurmmaster", "slurmnode1", "slurmnode2", "slurmnode3", "slurmjupyter"]
NODES = FIVE[1:4]
# Debian's, which goes with Debian's engine, before any other.
DOCKER = "/usr/bin/docker"


def until(what, is_so, seconds=30):
    """Waits until something is so: gives what it is."""
    end = time.monotonic() + seconds
    while not (found := is_so()):
        if time.monotonic() > end:
            raise AssertionError(f"waited {seconds} s in vain until {what}")
        time.sleep(0.1)
    return found


@contextlib.contextmanager
def engine(keep):
    """A Docker engine with a directory of its own; gives its address."""
    work = pathlib.Path(keep or tempfile.mkdtemp(prefix="prun-engine-"))
    work.mkdir(exist_ok=True)
    socket = work / "docker.sock"
    with open(work / "log", "w") as log:
        daemon = subprocess.Popen(
            ["dockerd", "--data-root", work / "data", "--exec-root", work / "exec", "--host", f"unix://{socket}",
             "--pidfile", work / "pid", "--bridge", "none"], stdout=log, stderr=log)
    try:
        def answers():
            assert daemon.poll() is None, (work / "log").read_text()[-2000:]
            info = [DOCKER, "--host", f"unix://{socket}", "info"]
            return subprocess.run(info, capture_output=True, check=False).returncode == 0
        until("the engine answers", answers)
        yield f"unix://{socket}"
    finally:
        daemon.terminate()
        daemon.wait(60)
        if not keep:
            shutil.rmtree(work, ignore_errors=True)


class Cluster:
    """The project on an engine."""

    def __init__(self, address, screenshots, compose):
        self.env = os.environ | {"DOCKER_HOST": address, "COMPOSE_PROJECT_NAME": "cluster", "DOCKER_BUILDKIT": "0"}
        self.screenshots = screenshots
        self.compose_command = compose

    def run(self, *words, check=True, stdin=None, seconds=120):
        done = subprocess.run([str(word) for word in words], cwd=TOP, env=self.env, text=True, input=stdin,
                              capture_output=True, timeout=seconds, check=False)
        if check and done.returncode:
            raise AssertionError(f"{' '.join(map(str, words))}: exit {done.returncode}: {done.stderr[-1500:]}")
        return done

    def docker(self, *words, **options):
        return self.run(DOCKER, *words, **options)

    def compose(self, *words, **options):
        return self.run(self.compose_command, *words, **options)

    def container(self, service, number=1):
        return self.compose("ps", "-a", "-q", service).stdout.split()[number - 1]

    def shell(self, service, script, **options):
        """Runs a script in a service's container, in its user's home; gives what it writes."""
        return self.docker("exec", "-i", "-w", "/home/admin", self.container(service), "bash", "-c", script,
                           **options).stdout

    def bring_examples(self, *names):
        """Puts example programs, as the image's build stage has built them, into the shared home."""
        self.docker("build", "-q", "--network", "host", "-f", "docker/Dockerfile", "--target", "build", "-t", "prun-build",
                    ".", seconds=3600)
        stage = self.docker("create", "prun-build").stdout.strip()
        try:
            with tempfile.TemporaryDirectory() as here:
                for name in names:
                    self.docker("cp", f"{stage}:/src/target/release/{name}", here)
                    self.docker("cp", f"{here}/{name}", f"{self.container('slurmjupyter')}:/home/admin/{name}")
        finally:
            self.docker("rm", stage)

    def submit(self, name, script, options=""):
        self.shell("slurmjupyter", f"cat >{name}.sh", stdin=script)
        return self.shell("slurmjupyter", f"sbatch --parsable {options} {name}.sh").strip()

    def state(self, job):
        """State and exit code of a job as accounting has it."""
        return self.shell("slurmjupyter", f"sacct -nXPj {job} -o State,ExitCode").strip()

    def ends(self, job, state, seconds=60):
        until(f"job {job} is {state}", lambda: self.state(job).startswith(state), seconds)

    def runs(self, job):
        until(f"job {job} runs", lambda: self.shell("slurmjupyter", f"squeue -hj {job} -t R -o %i").strip())

    def node_states(self):
        return dict(line.split() for line in self.shell("slurmjupyter", "sinfo -hN -o '%N %T'").splitlines())

    def all_idle(self, nodes=3, seconds=60):
        def idle():
            states = list(self.node_states().values())
            return states == ["idle"] * nodes
        until(f"{nodes} nodes are idle", idle, seconds)

    def build(self):
        """Images from the Dockerfile, over the public bases or stand-ins for them."""
        for tag in ("debian:bookworm-slim", "rust:1-bookworm"):
            pulled = self.docker("pull", "-q", tag, check=False, seconds=300).returncode == 0
            if not pulled:
                self.run(TOP / "docker/stand-ins.sh", seconds=900)
        for target in ("node", "jupyter"):
            began = time.monotonic()
            # The host's network: what reaches package mirrors here may be more than a bridge has.
            self.docker("build", "--network", "host", "-f", "docker/Dockerfile", "--target", target,
                        "-t", f"prun-{target}", ".", seconds=3600)
            size = int(self.docker("image", "inspect", "-f", "{{.Size}}", f"prun-{target}").stdout)
            print(f"built prun-{target}: {size / 1e6:.0f} MB in {time.monotonic() - began:.0f} s", flush=True)

    def down(self):
        self.compose("down", "--volumes", "--remove-orphans", check=False)


def comes_up_healthy_in_twenty_seconds(cluster):
    began = time.monotonic()
    cluster.compose("up", "-d", "--no-build")
    states = ["inspect", "-f", "{{.State.Health.Status}}"] + [cluster.container(service) for service in FIVE]
    until("all five are healthy", lambda: cluster.docker(*states).stdout.split() == ["healthy"] * 5, 60)
    took = time.monotonic() - began
    print(f"     all five are healthy after {took:.1f} s")
    assert took < 20, f"{took:.1f} s"


def has_the_names_of_the_tutorial(cluster):
    assert cluster.docker("network", "inspect", "cluster_default", "-f", "{{.Driver}}").stdout.strip() == "bridge"
    for service in FIVE:
        assert cluster.shell(service, "hostname; whoami; pwd").split() == [service, "admin", "/home/admin"]
        inspected = "{{.HostConfig.Privileged}} {{.HostConfig.Init}}"
        assert cluster.docker("inspect", "-f", inspected, cluster.container(service)).stdout.split() == ["false", "true"]
    assert cluster.shell("slurmnode2", "echo $SLURM_NODENAME").strip() == "slurmnode2"
    cluster.shell("slurmnode1", "echo shared >from-node1")
    assert cluster.shell("slurmjupyter", "cat from-node1; rm from-node1") == "shared\n"


def shows_nodes_as_the_tutorial_has_them(cluster):
    nodes = cluster.shell("slurmjupyter", "scontrol show node").strip().split("\n\n")
    assert len(nodes) == 3, nodes
    for name, node in zip(NODES, nodes):
        fields = dict(field.split("=", 1) for field in node.split() if "=" in field)
        expected = {"NodeName": name, "CPUTot": "2", "CPUAlloc": "0", "State": "IDLE", "Partitions": "slurmpar",
                    "NodeHostName": name, "RealMemory": "1000", "Boards": "1", "ThreadsPerCore": "1"}
        assert {key: fields.get(key) for key in expected} == expected, node


def answers_in_every_container(cluster):
    job = cluster.submit("quick", "#!/bin/bash\n#SBATCH -J quick -o /dev/null\ntrue\n")
    cluster.ends(job, "COMPLETED")
    for service in FIVE:
        assert cluster.shell(service, "sinfo -h -o '%P %D %N'").strip() == "slurmpar* 3 slurmnode[1-3]", service
        assert f"{job}|quick|COMPLETED" in cluster.shell(service, "sacct -nXPo JobID,JobName,State"), service
        assert "JOBID" in cluster.shell(service, "squeue"), service


def runs_the_tutorial_in_a_browser(cluster):
    tutorial.run(cluster)


def lets_shell_ranks_meet_across_containers(cluster):
    script = r"""srun -N3 -n6 bash -c '
      echo "$SLURM_PROCID" >met-$SLURM_PROCID
      prun barrier
      echo "rank $SLURM_PROCID on $(hostname) sees $(cat met-* | tr "\n" " ")"'"""
    lines = cluster.shell("slurmjupyter", f"rm -f met-*; {script}; rm met-*").splitlines()
    expected = [f"rank {rank} on slurmnode{rank // 2 + 1} sees 0 1 2 3 4 5 " for rank in range(6)]
    assert sorted(lines) == expected, lines


def runs_one_script_and_leaves(cluster):
    cluster.shell("slurmjupyter", "cat >once.sh", stdin="#!/bin/bash\n#SBATCH -n 3 -N 3\nsrun hostname\n")
    done = cluster.compose("run", "--rm", "-T", "slurmjupyter", "prun", "once.sh")
    assert done.stdout.split() == NODES, done


MEET = '''
from mpi4py import MPI
world = MPI.COMM_WORLD
everyone = world.allgather((world.rank, MPI.Get_processor_name()))
if world.rank == 0:
    print(MPI.Get_library_version().split()[0], *(f"{rank}@{node}" for rank, node in everyone))
'''


def runs_mpi_programs_across_containers(cluster):
    cluster.shell("slurmjupyter", "cat >meet.py", stdin=MEET)
    starts = ["srun python3 meet.py", "mpirun python3 meet.py", "mpiexec -n 6 python3 meet.py"]
    job = cluster.submit("meet", "\n".join(["#!/bin/bash", "#SBATCH -N 3 -n 6 -o meet.out", *starts]) + "\n")
    cluster.ends(job, "COMPLETED|0:0")
    everyone = " ".join(f"{rank}@slurmnode{rank // 2 + 1}" for rank in range(6))
    assert cluster.shell("slurmjupyter", "cat meet.out").splitlines() == [f"MPICH {everyone}"] * len(starts)


def rust_ranks_work_across_containers(cluster):
    cluster.bring_examples("heat", "sort")
    cluster.shell("slurmjupyter", "rm -f heat.png")
    for name in ("heat", "sort"):
        script = f"#!/bin/bash\n#SBATCH -N 3 -n 6 -o {name}.out\nsrun ./{name} {'heat.png' if name == 'heat' else ''}\n"
        cluster.ends(cluster.submit(name, script), "COMPLETED|0:0")
    # One rank alone comes to the same.
    alone = cluster.shell("slurmjupyter", "srun -n1 ./heat alone.png; srun -n1 ./sort; cmp heat.png alone.png || echo differs")
    assert "in order" in alone and cluster.shell("slurmjupyter", "cat heat.out sort.out") == alone, alone
    if cluster.screenshots:
        cluster.docker("cp", f"{cluster.container('slurmjupyter')}:/home/admin/heat.png", cluster.screenshots)


def refuses_a_container_with_another_key(cluster):
    job = cluster.submit("secret", "#!/bin/bash\n#SBATCH -J secret -o /dev/null\nsrun bash -c 'echo hush; sleep 60'\n")
    cluster.runs(job)
    fresh = """
      prun controller --dir /tmp/own --listen 127.0.0.1:7000 --key /tmp/key >/dev/null 2>&1 & own=$!
      for i in $(seq 100); do [ -s /tmp/key ] && break; sleep 0.1; done
      kill $own
      export PRUN_CONTROLLER=tcp://slurmmaster:6817 PRUN_KEY=/tmp/key
      for what in "sinfo" "squeue" "sbatch --wrap true" "srun -n1 true" "sattach JOB.0" "scancel JOB" "scontrol ping"; do
        timeout 20 $what >/tmp/out 2>/tmp/err </dev/null && echo "let in: $what"
        grep -qi hush /tmp/out && echo "read: $what"
      done
      timeout 5 prun node --listen 0.0.0.0:6818 --controller $PRUN_CONTROLLER --key /tmp/key --name stranger --cpus 2
      echo done
    """.replace("JOB", job)
    done = cluster.docker("run", "--rm", "--init", "--network", "cluster_default", "prun-node", "bash", "-c", fresh,
                          check=False)
    assert done.stdout.replace("ready\n", "") == "done\n", done
    assert sorted(cluster.node_states()) == NODES
    assert cluster.state(job).startswith("RUNNING")
    cluster.shell("slurmjupyter", f"scancel {job}")
    cluster.ends(job, "CANCELLED")


def keeps_running_jobs_when_the_master_is_restarted(cluster):
    goes_on_without_the_master(cluster, lambda: cluster.compose("restart", "slurmmaster"))


def keeps_running_jobs_when_the_master_is_killed(cluster):
    # It ends by itself as far as the engine sees, which then starts it again.
    goes_on_without_the_master(cluster, lambda: cluster.shell("slurmmaster", "kill -9 $(pgrep -x prun)"))


def goes_on_without_the_master(cluster, away):
    ranks = "#!/bin/bash\n#SBATCH -n 6 -o through.out\nsrun bash -c 'echo begin $SLURM_PROCID; sleep 8; echo end $SLURM_PROCID'\n"
    job = cluster.submit("through", ranks)
    cluster.runs(job)
    waits = cluster.submit("waits", "#!/bin/bash\n#SBATCH -n 6 -o /dev/null\ntrue\n")
    away()
    def there():
        said = cluster.docker("exec", cluster.container("slurmjupyter"), "squeue", "-h", "-o", "%i", check=False).stdout
        return set(said.split()) >= {job, waits}
    until("the queue is there again", there)
    cluster.ends(job, "COMPLETED|0:0")
    cluster.ends(waits, "COMPLETED|0:0")
    expected = "".join(f"begin {rank}\nend {rank}\n" for rank in range(6))
    assert cluster.shell("slurmjupyter", "cat through.out") == expected
    cluster.all_idle()


SLEEPS = "#!/bin/bash\n#SBATCH -n 2 -o away.out --open-mode=append {}\necho on $(hostname)\nsrun sleep {}\n"


def job_fails_when_its_node_is_killed(cluster):
    job = cluster.submit("alone", SLEEPS.format("-w slurmnode2 --no-requeue", 300))
    again = cluster.submit("again", SLEEPS.format("-w slurmnode2 --requeue --begin=now", 1).replace("-n 2", "-n 1"))
    cluster.runs(job)
    cluster.docker("kill", cluster.container("slurmnode2"))
    cluster.ends(job, "NODE_FAIL")
    until("the node is down", lambda: cluster.node_states()["slurmnode2"].startswith("down"))
    assert "Not responding" in cluster.shell("slurmjupyter", "scontrol show node slurmnode2")
    cluster.docker("start", cluster.container("slurmnode2"))
    cluster.ends(again, "COMPLETED")
    cluster.all_idle()


def job_starts_anew_when_its_node_is_killed(cluster):
    script = SLEEPS.format("--requeue -x slurmnode3", 5)
    job = cluster.submit("anew", script)
    cluster.runs(job)
    node = cluster.shell("slurmjupyter", f"squeue -hj {job} -o %N").strip()
    cluster.docker("kill", cluster.container(node))
    other = ({"slurmnode1", "slurmnode2"} - {node}).pop()
    cluster.ends(job, "COMPLETED")
    assert cluster.shell("slurmjupyter", f"sacct -nXPj {job} -o NodeList").strip() == other
    cluster.docker("start", cluster.container(node))
    cluster.all_idle()


def job_goes_on_when_its_node_is_paused_for_a_moment(cluster):
    goes_on_after(cluster, "pause", "unpause")


def job_goes_on_when_its_node_is_off_the_network_for_a_moment(cluster):
    goes_on_after(cluster, ("network", "disconnect", "cluster_default"), ("network", "connect", "cluster_default"))


def goes_on_after(cluster, away, back):
    words = lambda verb: [verb] if isinstance(verb, str) else verb
    script = "#!/bin/bash\n#SBATCH -n 6 -o moment.out\nsrun bash -c 'echo begin $SLURM_PROCID; sleep 8; echo end $SLURM_PROCID'\n"
    job = cluster.submit("moment", script)
    cluster.runs(job)
    # Not the first node, where the script runs.
    container = cluster.container("slurmnode3")
    cluster.docker(*words(away), container)
    time.sleep(3)
    cluster.docker(*words(back), container)
    cluster.ends(job, "COMPLETED|0:0")
    expected = "".join(f"begin {rank}\nend {rank}\n" for rank in range(6))
    assert cluster.shell("slurmjupyter", "cat moment.out") == expected
    cluster.all_idle()


def job_fails_when_its_node_is_paused_for_long(cluster):
    job = cluster.submit("long", SLEEPS.format("-w slurmnode3 --no-requeue", 300))
    cluster.runs(job)
    cluster.docker("pause", cluster.container("slurmnode3"))
    try:
        cluster.ends(job, "NODE_FAIL", 90)
    finally:
        cluster.docker("unpause", cluster.container("slurmnode3"))
    cluster.all_idle()
    until("no rank of the failed job is left", lambda: cluster.shell("slurmnode3", "pgrep -c sleep || true").strip() == "0")


def takes_a_fourth_node_under_load(cluster):
    full = cluster.submit("full", SLEEPS.format("-N 3 --ntasks-per-node=2", 300).replace("-n 2", "-n 6"))
    cluster.runs(full)
    more = cluster.submit("more", "#!/bin/bash\n#SBATCH -n 2 -o more.out\nsrun hostname\n")
    assert cluster.state(more).startswith("PENDING")
    cluster.compose("up", "-d", "--no-build", "--no-recreate", "--scale", "slurmnode=1")
    cluster.ends(more, "COMPLETED|0:0")
    fourth = cluster.container("slurmnode")[:12]
    assert cluster.shell("slurmjupyter", "cat more.out").split() == [fourth] * 2
    cluster.shell("slurmjupyter", f"scancel {full}")
    cluster.all_idle(nodes=4)


STEPS = [
    comes_up_healthy_in_twenty_seconds,
    has_the_names_of_the_tutorial,
    shows_nodes_as_the_tutorial_has_them,
    answers_in_every_container,
    runs_the_tutorial_in_a_browser,
    lets_shell_ranks_meet_across_containers,
    runs_one_script_and_leaves,
    runs_mpi_programs_across_containers,
    rust_ranks_work_across_containers,
    refuses_a_container_with_another_key,
    keeps_running_jobs_when_the_master_is_restarted,
    keeps_running_jobs_when_the_master_is_killed,
    job_fails_when_its_node_is_killed,
    job_starts_anew_when_its_node_is_killed,
    job_goes_on_when_its_node_is_paused_for_a_moment,
    job_goes_on_when_its_node_is_off_the_network_for_a_moment,
    job_fails_when_its_node_is_paused_for_long,
    takes_a_fourth_node_under_load,
]


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--engine")
    options.add_argument("--keep")
    options.add_argument("--screenshots", type=pathlib.Path)
    options.add_argument("--only", default="", metavar="WORD", help="steps with this in their names")
    options.add_argument("--compose", default="/usr/bin/docker-compose", metavar="COMMAND",
                         help="the command to drive, of version 1 or 2")
    options.add_argument("--no-build", action="store_true", help="the images are there")
    options = options.parse_args()
    started = contextlib.nullcontext(options.engine) if options.engine else engine(options.keep)
    with started as address:
        cluster = Cluster(address, options.screenshots, options.compose)
        if not options.no_build:
            cluster.build()
        steps = [step for step in STEPS[1:] if re.search(options.only, step.__name__)]
        try:
            failures = browser.run(STEPS[:1] + steps, cluster)
            if failures:
                print(cluster.compose("logs", "--tail", "20", check=False).stdout[-8000:])
        finally:
            cluster.down()
    sys.exit(failures)


if __name__ == "__main__":
    main()
