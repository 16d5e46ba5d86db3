"""Three hosts on this machine: each with a network, a host name, processes and shared memory of its own, joined by a
switch. No root is needed where users may have namespaces. A real `prun node` runs on each.
"""

import contextlib
import os
import pathlib
import subprocess
import time

# Each prepares its namespaces, says that it is there, and stays until its stdin is closed.
STAY = "echo ready; exec cat"
SWITCH = f"""
set -e
ip link add switch0 type bridge
ip link set switch0 up
{STAY}
"""
HOST = f"""
set -e
hostname "$NAME"
mount -t tmpfs none /dev/shm
mount --bind "$HOSTS_FILE" /etc/hosts
ip link set lo up
{STAY}
"""
ADDRESS = "10.77.0.{}"
DAEMON_WAIT_SECS = 20


class Space:
    """The namespaces of one host, held by a process."""

    def __init__(self, before, kinds, script, **variables):
        words = [*before, "unshare", *kinds, "--pid", "--fork", "--kill-child", "--mount-proc", "bash", "-c", script]
        self.holder = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                       env=os.environ | variables)
        if self.holder.stdout.readline() != "ready\n":
            raise RuntimeError(f"cannot make a host: {' '.join(words[:-1])}")
        # nsenter and unshare --fork each stay, and have one child; the innermost one is the first of its namespace.
        self.pid = self.holder.pid
        while below := pathlib.Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split():
            self.pid = int(below[0])

    def enter(self, *kinds):
        """The words that run a command there."""
        return ["nsenter", "--target", str(self.pid), *kinds]

    def close(self):
        self.holder.stdin.close()
        self.holder.wait()


class Hosts:
    """`with Hosts(…) as hosts`: a cluster on hosts, `hosts.run(at, words, env)` on one of them."""

    def __init__(self, prun, directory, *, names=None, hosts_files=None, cpus=2):
        """`names` are host names; `hosts_files` the text of each host's `/etc/hosts`, where every host knows all by
        default."""
        self.prun = prun
        self.directory = directory
        self.names = names or [f"host{number}" for number in (1, 2, 3)]
        own = "127.0.0.1 localhost\n"
        all_of_them = own + "".join(f"{ADDRESS.format(at)} {name}\n" for at, name in enumerate(self.names, 1))
        self.hosts_files = hosts_files or [all_of_them] * len(self.names)
        self.cpus = cpus
        self.open = contextlib.ExitStack()
        self.spaces = []
        self.daemons = []
        self.env = dict(PRUN_CONTROLLER=f"tcp://{ADDRESS.format(1)}:6817", PRUN_KEY=str(directory / "key"),
                        PRUN_DIR=str(directory / "clients"))

    def __enter__(self):
        with contextlib.ExitStack() as undo:
            undo.push(lambda *_: self.close())
            self.start()
            undo.pop_all()
        return self

    def __exit__(self, *_):
        self.close()

    def start(self):
        self.directory.mkdir(parents=True)
        user = [] if os.getuid() == 0 else ["--map-root-user"]
        switch = Space([], [*user, "--net", "--mount"], SWITCH)
        self.open.callback(switch.close)
        entered = ["--user", "--preserve-credentials"] if user else []
        for at, (name, text) in enumerate(zip(self.names, self.hosts_files), 1):
            hosts_file = self.directory / f"hosts-{at}"
            hosts_file.write_text(text)
            inside = switch.enter(*entered, "--net", "--mount")
            space = Space(inside, ["--net", "--mount", "--uts", "--ipc"], HOST, NAME=name, HOSTS_FILE=str(hosts_file))
            self.open.callback(space.close)
            self.spaces.append(space)
            cable = [["add", f"port{at}", "type", "veth", "peer", "name", f"cable{at}"],
                     ["set", f"port{at}", "master", "switch0", "up"],
                     ["set", f"cable{at}", "netns", str(space.pid), "name", "eth0"]]
            for words in cable:
                subprocess.run([*inside, "ip", "link", *words], check=True)
            self.entered = [*entered, "--net", "--mount", "--uts", "--ipc", "--pid"]
            self.run(at - 1, ["ip", "addr", "add", f"{ADDRESS.format(at)}/24", "dev", "eth0"], check=True)
            self.run(at - 1, ["ip", "link", "set", "eth0", "up"], check=True)
        conf = self.directory / "slurm.conf"
        conf.write_text("ClusterName=hosts\nPartitionName=slurmpar Nodes=ALL Default=YES\n")
        self.daemon(0, "controller", "--config", conf, "--listen", "0.0.0.0:6817")
        for at, name in enumerate(self.names):
            self.node(at, name)
        self.until_idle(len(self.names))

    def node(self, at, name):
        """Starts a host's rank server."""
        return self.daemon(at, "node", "--controller", self.env["PRUN_CONTROLLER"], "--listen", "0.0.0.0:6818",
                           "--name", name.split(".")[0], "--cpus", str(self.cpus), "--memory", "1000")

    def daemon(self, at, what, *words):
        words = [self.prun, what, "--dir", self.directory / f"{what}-{at}", "--key", self.env["PRUN_KEY"], *words]
        with open(self.directory / f"log-{what}-{at}", "w") as log:
            daemon = subprocess.Popen([*self.spaces[at].enter(*self.entered), *words], stdin=subprocess.DEVNULL,
                                      stdout=log, stderr=log)
        self.daemons.append(daemon)
        return daemon

    def until_idle(self, count):
        end = time.monotonic() + DAEMON_WAIT_SECS
        while True:
            asked = self.run(0, [self.prun, "sinfo", "-h", "-N", "-o", "%T"], stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE)
            if asked.stdout.split() == ["idle"] * count:
                return
            if time.monotonic() > end:
                logs = "".join(path.read_text() for path in self.directory.glob("log-*"))
                raise RuntimeError(f"{count} hosts are not idle: {asked.stdout} {asked.stderr}\n{logs}")
            time.sleep(0.05)

    def run(self, at, words, env=None, **options):
        """Runs a command on a host."""
        entered = [*self.spaces[at].enter(*self.entered), f"--wd={options.pop('cwd', '.')}"]
        return subprocess.run([*entered, *map(str, words)], env=(env or os.environ) | self.env, text=True, **options)

    def shared_memory(self):
        """What stands in the hosts' shared memory."""
        return [name for at in range(len(self.spaces))
                for name in self.run(at, ["ls", "-A", "/dev/shm"], stdout=subprocess.PIPE, check=True).stdout.split()]

    def close(self):
        """Ends the hosts and all that runs there."""
        self.open.close()
        for daemon in self.daemons:
            daemon.wait()
