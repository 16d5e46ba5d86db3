#!/usr/bin/env python3
"""`prun --hosts` and `prun up --hosts` over a real OpenSSH: servers of its own on loopback, with keys, configuration and
known hosts in a private directory, each host with a home of its own.

Needs OpenSSH's client and server, and `target/debug/prun`. Works as any user.
"""

import contextlib
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time

TOP = pathlib.Path(__file__).resolve().parent.parent
PRUN = TOP / "target/debug/prun"
HOSTS = ("slurmnode1", "slurmnode2", "slurmnode3")
JOB = """#!/bin/bash
#SBATCH --ntasks=6 --ntasks-per-node=2 --output=result.out
srun bash -c 'prun barrier; echo "rank $SLURM_PROCID of $SLURM_NTASKS on $SLURMD_NODENAME"'
"""


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def until(what, is_so, seconds=20):
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, f"waited in vain until {what}"
        time.sleep(0.02)


@contextlib.contextmanager
def servers(work):
    """A server for each host, at an address of its own; gives the client's configuration."""
    keygen = ["ssh-keygen", "-q", "-t", "ed25519", "-N", ""]
    subprocess.run([*keygen, "-f", work / "host"], check=True)
    subprocess.run([*keygen, "-f", work / "user"], check=True)
    shutil.copy(work / "user.pub", work / "authorized")
    public = (work / "host.pub").read_text()
    config, known, started = [], [], []
    try:
        for number, host in enumerate(HOSTS, 1):
            home, port = work / "homes" / host, free_port()
            home.mkdir(parents=True)
            (work / f"{host}.conf").write_text(
                f"ListenAddress 127.0.0.{number}\nPort {port}\nHostKey {work}/host\nPidFile none\n"
                f"AuthorizedKeysFile {work}/authorized\nStrictModes no\nUsePAM no\nPasswordAuthentication no\n"
                f"SetEnv XDG_CACHE_HOME={home} TMPDIR={home}\n"
            )
            daemon = [shutil.which("sshd", path="/usr/sbin:/sbin:/usr/bin"), "-D", "-e", "-f", work / f"{host}.conf"]
            started.append(subprocess.Popen(daemon, stderr=(work / f"{host}.log").open("w")))
            until(f"{host} listens", lambda: socket.socket().connect_ex((f"127.0.0.{number}", port)) == 0)
            config.append(f"Host {host}\n  HostName 127.0.0.{number}\n  Port {port}\n  IdentityFile {work}/user\n")
            known.append(f"[127.0.0.{number}]:{port} {public}")
        (work / "known").write_text("".join(known))
        common = f"Host *\n  UserKnownHostsFile {work}/known\n  IdentitiesOnly yes\n  BatchMode yes\n"
        (work / "ssh.conf").write_text("".join(config) + common)
        yield work / "ssh.conf"
    finally:
        for daemon in started:
            daemon.terminate()
            daemon.wait()


def left(work):
    """Processes of rank servers that were started here, and files that they have left."""
    found = []
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            environment = (process / "environ").read_bytes()
            if f"TMPDIR={work}/homes".encode() in environment:
                found.append((process / "cmdline").read_bytes())
    homes = (work / "homes").glob("*/*")
    return found + [path for path in homes if path.name != "prun"]


def drive(work, environment):
    def prun(*words, **more):
        return subprocess.run([PRUN, *words], cwd=work, env=environment, text=True, capture_output=True, **more)

    (work / "job.sh").write_text(JOB)
    assert prun("--local", "3x2", "--quiet", "job.sh").returncode == 0
    expected = (work / "result.out").read_text()
    assert expected.count("\n") == 6, expected
    (work / "result.out").unlink()

    there = prun("--hosts", "slurmnode[1-3]:2", "--quiet", "job.sh")
    assert (there.returncode, there.stderr) == (0, ""), there
    assert (work / "result.out").read_text() == expected, (work / "result.out").read_text()
    until("nothing is left", lambda: not left(work))

    # Each rank server is reached where ssh came to, and the host's own cache has the binary now.
    where = "for host in slurmnode1 slurmnode2 slurmnode3; do scontrol show node $host | grep -o 'NodeAddr=[^ ]*'; done"
    seen = prun("--hosts", "slurmnode[1-3]:2", "--quiet", "--wrap", where)
    assert seen.stdout.split() == [f"NodeAddr=127.0.0.{number}" for number in (1, 2, 3)], seen
    assert all(len(list((work / "homes" / host / "prun").iterdir())) == 1 for host in HOSTS)

    # A prun that is killed leaves nothing on any host.
    (work / "long.sh").write_text("#!/bin/bash\n#SBATCH -n 3 -N 3\nsrun bash -c 'touch on-$SLURM_PROCID; sleep 300'\n")
    long = subprocess.Popen([PRUN, "--hosts", "slurmnode[1-3]", "--quiet", "long.sh"], cwd=work, env=environment)
    until("all ranks run", lambda: len(list(work.glob("on-*"))) == 3)
    long.kill()
    long.wait()
    until("nothing is left", lambda: not left(work))

    # Nor does a link that breaks: its job fails, by name.
    for rank in work.glob("on-*"):
        rank.unlink()
    long = subprocess.Popen(
        [PRUN, "--hosts", "slurmnode[1-3]", "long.sh"], cwd=work, env=environment, text=True, stderr=subprocess.PIPE
    )
    until("all ranks run", lambda: len(list(work.glob("on-*"))) == 3)
    children = subprocess.run(["ps", "--ppid", str(long.pid), "-o", "pid=,args="], text=True, capture_output=True).stdout
    [victim] = [line.split()[0] for line in children.splitlines() if " -T slurmnode2 " in line]
    os.kill(int(victim), 9)
    try:
        _, said = long.communicate(timeout=60)
    finally:
        long.kill()
    assert long.returncode != 0 and "lost `slurmnode2`" in said, (long.returncode, said)
    until("nothing is left", lambda: not left(work))

    # Whom ssh does not let in is told of in its own words, and by name.
    (work / "authorized").rename(work / "unauthorized")
    refused = prun("--hosts", "slurmnode1", "job.sh")
    (work / "unauthorized").rename(work / "authorized")
    assert refused.returncode == 1 and "Permission denied (publickey" in refused.stderr, refused
    assert "no rank server on `slurmnode1`" in refused.stderr, refused

    # A cluster of daemons.
    home = work / "cluster"
    up = prun("up", "--dir", home, "--hosts", "slurmnode[1-3]:2", "--listen", "127.0.0.1:0")
    assert up.returncode == 0, up
    try:
        inside = {**environment, "PRUN_CONTROLLER": f"unix:{home}/controller/socket"}
        (work / "result.out").unlink()
        subprocess.run([PRUN, "sbatch", "--wait", "job.sh"], cwd=work, env=inside, check=True, stdout=subprocess.DEVNULL)
        assert (work / "result.out").read_text() == expected
    finally:
        assert prun("down", "--dir", home, "--purge").returncode == 0
    until("nothing is left", lambda: not left(work))


def main():
    with tempfile.TemporaryDirectory(prefix="prun-ssh-") as name:
        work = pathlib.Path(name)
        with servers(work) as config:
            keep = {key: value for key, value in os.environ.items() if not key.startswith(("PRUN_", "SLURM_", "SBATCH_"))}
            drive(work, {**keep, "PRUN_SSH": f"ssh -F {config}", "PRUN_DIR": str(work / "none")})
    print("--hosts over OpenSSH: all as expected")


if __name__ == "__main__":
    sys.exit(main())
