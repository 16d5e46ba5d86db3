#!/usr/bin/env python3
"""Programs that drive Slurm, installed from PyPI and unchanged, against `prun up`: each check here, with a table at the end.

    tests/clients/run.py [NAME...] [--all] [--also DIRECTORY] [--prun BINARY | --slurm] [--jobs N] [--keep] [--lock]

Without names, the light ones are run; `--all` adds the heavy ones. Every client has a directory with

    client.toml   packages and versions, what is driven, its time limit, and whether it is heavy, with the reason
    lock.txt      the versions of all that comes with those packages (`--lock` writes it anew)
    check.py      the check, run with the Python that has the packages

and gets a fresh environment, directory and cluster of its own, so that none meets what another left. `--also` names a
directory of more checks that are programs by themselves (`NAME/check`, closing with a line `ok: ...` or `not ok: ...`).
`--slurm` takes the Slurm commands found on `PATH` instead of a cluster of prun. Ends with `N passed, N failed`.
"""

import argparse
import concurrent.futures
import contextlib
import dataclasses
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib

ROOM = pathlib.Path(__file__).resolve().parent
TOP = ROOM.parent.parent
#: What a check must not inherit: another cluster, or a job that this command itself runs in.
FOREIGN = ("PRUN_", "SLURM_", "SBATCH_", "SALLOC_", "PMI_", "PMIX_")
UV = "uv==0.13.9"


@dataclasses.dataclass
class Client:
    """One client: what is installed, and how it is checked."""

    name: str
    packages: list
    driven: str
    seconds: int
    heavy: str
    program: pathlib.Path

    @classmethod
    def read(cls, directory):
        """Of this room: from its `client.toml`."""
        told = tomllib.loads((directory / "client.toml").read_text())
        return cls(directory.name, told["packages"], told["driven"], told.get("seconds", 110), told.get("heavy", ""),
                   directory / "check.py")

    @classmethod
    def found(cls, directory):
        """Of another room: a program by itself, which names its packages in `PINS`."""
        pins = re.search(r'^PINS="([^"]*)"', (directory / "check").read_text(), re.MULTILINE)
        return cls(directory.name, pins[1].split() if pins else [], "", 240, "", directory / "check")

    @property
    def lock(self):
        """Where the versions of everything are written."""
        return self.program.parent / "lock.txt"


@dataclasses.dataclass
class Result:
    """How a check went."""

    client: Client
    passed: bool
    said: str
    seconds: float
    log: str

    def row(self):
        """A row of the table in `docs/clients.md`."""
        versions = ", ".join(package.replace("==", " ") for package in self.client.packages)
        return f"| {self.client.name} | {versions} | {self.client.driven} | {self.said} | {self.seconds:.0f} s |"


class Bench:
    """What all checks of one run share: a directory, the installer, and where clusters come from."""

    def __init__(self, work, options):
        self.work, self.options = work, options
        self.installer = shutil.which("uv")

    def install_installer(self):
        """The installer itself comes from PyPI where it is not there: it takes seconds where pip takes minutes."""
        if self.installer is None:
            subprocess.run([sys.executable, "-m", "venv", self.work / "uv"], check=True)
            subprocess.run([self.work / "uv/bin/pip", "install", "--quiet", UV], check=True)
            self.installer = str(self.work / "uv/bin/uv")

    def install(self, client):
        """An environment with the client's packages; gives its directory."""
        venv = self.work / "environments" / client.name
        subprocess.run([self.installer, "venv", "--quiet", "--seed", "--python", sys.executable, venv], check=True)
        python = ["--quiet", "--python", venv / "bin/python"]
        locked = [] if self.options.lock or not client.lock.exists() else ["--constraint", client.lock]
        subprocess.run([self.installer, "pip", "install", "--compile-bytecode", *python, *locked, *client.packages], check=True)
        if self.options.lock:
            frozen = subprocess.run([self.installer, "pip", "freeze", *python], check=True, text=True, capture_output=True)
            own = ("pip==", "setuptools==", "wheel==")
            client.lock.write_text("".join(f"{line}\n" for line in frozen.stdout.split() if not line.startswith(own)))
        return venv

    @contextlib.contextmanager
    def cluster(self, place):
        """Three nodes of two CPUs; gives the environment in which its commands are found."""
        env = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
        if self.options.slurm:
            env.update({name: os.environ[name] for name in ("SLURM_CONF",) if name in os.environ})
            yield env
            return
        home = place / "cluster"
        prun = str(self.options.prun.resolve())
        up = subprocess.run([prun, "up", "--dir", home, "--config", ROOM / "cluster.conf"], env=env, text=True,
                            capture_output=True)
        try:
            assert up.returncode == 0, up.stderr
            env["PRUN_CONTROLLER"] = f"unix:{home}/controller/socket"
            env["PATH"] = f"{home}/bin:{env['PATH']}"
            yield env
        finally:
            subprocess.run([prun, "down", "--dir", home, "--purge"], env=env, check=False, capture_output=True)

    def check(self, client):
        """Installs, runs and judges one client."""
        place = pathlib.Path(tempfile.mkdtemp(prefix=f"{client.name}-", dir=self.work))
        log, begin = place / "log", time.monotonic()
        try:
            with self.cluster(place) as env, open(log, "w") as out:
                venv = self.install(client) if client.program.name == "check.py" else None
                begin = time.monotonic()
                code = self.run(client, venv, place, env, out)
        except (OSError, AssertionError, subprocess.CalledProcessError) as wrong:
            return Result(client, False, f"not run: {wrong}", time.monotonic() - begin, "")
        text = log.read_text(errors="replace")
        said = re.findall(r"^(\d+ passed, \d+ failed|(?:not )?ok: .*)$", text, re.MULTILINE)
        verdict = said[-1] if said else f"ended with {code}"
        if code == 124:
            verdict = f"not over after {client.seconds} s; {verdict}"
        return Result(client, code == 0 and bool(said), verdict, time.monotonic() - begin, text)

    def run(self, client, venv, place, env, out):
        """One check in its own directory; gives its exit code, 124 when its time was over."""
        home = place / "home"
        home.mkdir()
        env = {**env, "TMPDIR": str(home), "PYTHONUNBUFFERED": "1"}
        if venv is None:
            # These make their environments themselves, and choose where they run.
            env["CLIENTS_VENVS"] = str(self.work / "environments")
            words = [client.program]
        else:
            env.update(HOME=str(home), VIRTUAL_ENV=str(venv), PATH=f"{venv}/bin:{env['PATH']}", PYTHONPATH=str(ROOM))
            words = [venv / "bin/python", client.program]
            # Login shells set PATH anew, and there are clients that use them.
            (home / ".profile").write_text(f"export PATH={shlex.quote(env['PATH'])}\n")
        child = subprocess.Popen(words, cwd=home, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                                 start_new_session=True)
        try:
            return child.wait(timeout=client.seconds)
        except subprocess.TimeoutExpired:
            return 124
        finally:
            # What a check leaves running belongs to its session.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, 9)
            child.wait()


def chosen(options):
    """The clients to check, in the order of their names."""
    here = [Client.read(path.parent) for path in sorted(ROOM.glob("*/client.toml"))]
    others = [Client.found(path.parent) for path in sorted(options.also.glob("*/check"))] if options.also else []
    every = here + others
    unknown = set(options.names) - {client.name for client in every}
    assert not unknown, f"no such client: {', '.join(sorted(unknown))}"
    if options.names:
        return [client for client in every if client.name in options.names]
    return [client for client in every if options.all or not client.heavy]


def main():
    """Checks, prints a line for each as it ends, and the table at the end."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="clients to check (default: all that are light)")
    parser.add_argument("--all", action="store_true", help="heavy ones too")
    parser.add_argument("--also", type=pathlib.Path, help="directory of further checks")
    parser.add_argument("--prun", type=pathlib.Path, default=TOP / "target/debug/prun")
    parser.add_argument("--slurm", action="store_true", help="the Slurm on PATH instead of prun")
    parser.add_argument("--jobs", type=int, default=2, help="how many at a time")
    parser.add_argument("--keep", action="store_true", help="keep the directory of the run")
    parser.add_argument("--lock", action="store_true", help="write the versions found to lock.txt")
    options = parser.parse_args()
    clients = chosen(options)
    work = pathlib.Path(tempfile.mkdtemp(prefix="prun-clients-"))
    try:
        bench = Bench(work, options)
        bench.install_installer()
        results = []
        # A real Slurm is one cluster for all, which checks that look at the whole queue would share.
        with concurrent.futures.ThreadPoolExecutor(1 if options.slurm else options.jobs) as pool:
            for done in concurrent.futures.as_completed([pool.submit(bench.check, client) for client in clients]):
                result = done.result()
                results.append(result)
                print(f"{'ok  ' if result.passed else 'FAIL'} {result.client.name}: {result.said}", flush=True)
                if not result.passed:
                    print("".join(f"     {line}\n" for line in result.log.splitlines()[-60:]), flush=True)
    finally:
        if options.keep:
            print(f"kept {work}")
        else:
            shutil.rmtree(work, ignore_errors=True)
    print("\n| client | versions | what was driven | result | time |\n|---|---|---|---|---|")
    for result in sorted(results, key=lambda result: result.client.name):
        print(result.row())
    passed = sum(result.passed for result in results)
    print(f"\n{passed} passed, {len(results) - passed} failed")
    return 0 if results and passed == len(results) else 1


if __name__ == "__main__":
    sys.exit(main())
