#!/usr/bin/env python3
"""The kill matrix: each part of a cluster of real daemons is hit, at each moment of a job, with each signal; after each
blow the outcome is looked at, every process and file of the job must be gone, and no byte of its output lost.

    tests/kill_matrix.py [--prun PATH] [--rounds N] [--only WORD …] [--markdown FILE]

`--only` takes cases whose name (`rank server/writing/KILL`) has all of these words. Ends with a table, and with exit code
1 when some outcome was not as docs/faults.md has it.
"""

import argparse
import contextlib
import pathlib
import subprocess
import sys
import time
import traceback

from daemons import Cluster, Failure, hit, marked, processes, read, until, words

TOP = pathlib.Path(__file__).resolve().parent.parent
VICTIMS = ["rank", "step process", "rank server", "controller", "srun", "prun", "batch script"]
MOMENTS = ["start", "running", "writing", "barrier", "finishing"]
BLOWS = ["TERM", "KILL", "STOP"]
TASKS = 6
LINES = 3000

# One rank. Each says that it is there, and waits for the file `go` before it does what the moment is about.
RANK = f"""#!/bin/bash
echo $$ >> started.$SLURM_PROCID
lines() {{ for ((i = $1; i < $2; i++)); do echo "rank $SLURM_PROCID line $i"; done; }}
lines 0 10
case $1 in
  start) sleep 1; lines 10 {LINES} ;;
  running) touch ready.$SLURM_PROCID; until [ -e go ]; do sleep 0.05; done; lines 10 {LINES} ;;
  writing) lines 10 100; touch ready.$SLURM_PROCID; for ((k = 1; k < {LINES} / 100; k++)); do
             lines $((100 * k)) $((100 * k + 100)); [ -e go ] || sleep 0.1; done ;;
  barrier) touch ready.$SLURM_PROCID
           if [ $SLURM_PROCID = 5 ]; then until [ -e go ]; do sleep 0.05; done; fi
           prun barrier || exit 9; lines 10 {LINES} ;;
  finishing) lines 10 {LINES}; touch ready.$SLURM_PROCID; sleep 0.3 ;;
esac
touch ended.$SLURM_PROCID
"""

JOB = f"""#!/bin/bash
#SBATCH --nodes=3 --ntasks={TASKS} --output=out --time=5
touch script
srun ./rank.sh MOMENT
code=$?
echo "srun $code"
exit $code
"""


def expected(victim, blow):
    """The outcome by docs/faults.md: states that the job may end in."""
    if blow == "STOP" or victim in ("rank server", "controller"):
        return {"COMPLETED"}
    # A victim that ended before the blow has done no harm.
    return {"FAILED", "COMPLETED", "CANCELLED"}


class Case:
    """One victim, moment and blow, on a cluster."""

    def __init__(self, cluster, victim, moment, blow, number):
        self.cluster, self.victim, self.moment, self.blow = cluster, victim, moment, blow
        self.mark = f"{cluster.mark}-job-{number}"
        self.work = cluster.root / f"case{number}"
        self.work.mkdir()
        self.child = None
        self.missed = False
        for file, text in [("rank.sh", RANK), ("job.sh", JOB.replace("MOMENT", moment))]:
            (self.work / file).write_text(text)
            (self.work / file).chmod(0o755)

    def run(self):
        """Runs the case; gives the outcome as a word."""
        if self.victim == "prun":
            return self.run_embedded()
        job = self.cluster.ask("sbatch", "--parsable", "job.sh", mark=self.mark, cwd=self.work).strip()
        self.wait_for_moment()
        self.strike()
        if self.victim in ("rank server", "controller") and self.blow != "STOP":
            # It stays away for a moment, in which the job goes on.
            (self.work / "go").touch()
            time.sleep(0.5)
            self.cluster.up()
        (self.work / "go").touch()
        state, code = until("the job ends", lambda: self.ended(job), 100)
        self.cluster.settle(self.mark)
        if state not in expected(self.victim, self.blow):
            raise Failure(f"the job is {state} {code}: {self.output()[-300:]}")
        self.check_output(whole=state == "COMPLETED")
        return f"{state} {code}"

    def run_embedded(self):
        """`prun job.sh`, a cluster in one process."""
        command = [self.cluster.prun, "--local", "3x2", "--quiet", "job.sh"]
        environment = self.cluster.environment(self.mark)
        del environment["PRUN_CONTROLLER"]
        environment["PRUN_DIR"] = str(self.work / "none")
        self.child = subprocess.Popen(command, cwd=self.work, env=environment, stderr=subprocess.PIPE, text=True)
        self.wait_for_moment()
        self.strike()
        if self.blow == "KILL":
            self.child.wait()
            # Longer than the second that DESIGN gives it, since the machine may be busy with other things.
            until("nothing of the job is left", lambda: not marked(self.mark, whole=True), 3)
        (self.work / "go").touch()
        until("prun ends", lambda: self.child.poll() is not None, 100)
        until("nothing of the job is left", lambda: not marked(self.mark, whole=True), 10)
        until("no file of the job is left", lambda: not self.cluster.stale_files(), 10)
        code = self.child.returncode
        if self.blow == "STOP" and code != 0:
            raise Failure(f"prun ended with {code}: {self.child.stderr.read()[-300:]}")
        self.check_output(whole=code == 0)
        return f"exit {code}" if code >= 0 else f"signal {-code}"

    def wait_for_moment(self):
        if self.moment == "start":
            return
        until("every rank is where it is to be hit",
              lambda: all((self.work / f"ready.{rank}").exists() for rank in range(TASKS)) or self.all_ended(), 60)

    def all_ended(self):
        return all((self.work / f"ended.{rank}").exists() for rank in range(TASKS))

    def strike(self):
        """Hits the victim, as soon as it is there; one that comes too late hits nobody, which is an outcome too."""
        end = time.monotonic() + 20
        while (pid := self.find()) is None:
            if self.all_ended() or time.monotonic() > end:
                self.missed = True
                return
            time.sleep(0.005)
        hit(pid, self.blow)

    def find(self):
        """The victim's process."""
        if self.victim == "prun":
            return self.child.pid
        if self.victim == "controller":
            return self.cluster.pid("controller")
        if self.victim == "rank server":
            # The one that has the script, and with it the step's first node.
            return self.cluster.pid("slurmnode1")
        if self.victim == "step process":
            return next((pid for pid in self.cluster.step_processes() if self.has_ranks(pid)), None)
        mine = marked(self.mark, whole=True)
        if self.victim == "rank":
            of_rank = [pid for pid in mine if "./rank.sh" in " ".join(words(pid)[:2]) and rank_of(pid) == "3"]
            return min(of_rank, default=None)
        if self.victim == "srun":
            return next((pid for pid in mine if words(pid)[0].endswith("srun")), None)
        return next((pid for pid in mine if any("slurm_script" in word for word in words(pid)[:3])), None)

    def has_ranks(self, pid):
        children = [child for child in processes() if parent(child) == pid]
        return any("rank.sh" in " ".join(words(child)) for child in children)

    def ended(self, job):
        line = self.cluster.ask("sacct", "-X", "-n", "-P", "-j", job, "-o", "State,ExitCode").strip()
        state, _, code = line.partition("|")
        return None if state in ("", "PENDING", "RUNNING", "COMPLETING") else (state.split()[0], code)

    def output(self):
        with contextlib.suppress(FileNotFoundError):
            return (self.work / "out").read_text()
        return ""

    def check_output(self, whole):
        """Every rank ran once at most, and what it has written is there from its first line on, in order."""
        text = self.output()
        for rank in range(TASKS):
            with contextlib.suppress(FileNotFoundError):
                runs = (self.work / f"started.{rank}").read_text().split()
                if len(runs) != 1:
                    raise Failure(f"rank {rank} ran {len(runs)} times")
            lines = [line for line in text.splitlines() if line.startswith(f"rank {rank} ")]
            if lines != [f"rank {rank} line {number}" for number in range(len(lines))]:
                raise Failure(f"lines of rank {rank} are lost, torn or out of order")
            if whole and len(lines) != LINES:
                raise Failure(f"rank {rank} wrote {LINES} lines, {len(lines)} are there")
        if whole and not text.endswith("srun 0\n"):
            raise Failure(f"the end is missing: {text[-100:]!r}")


def parent(pid):
    stat = read(pid, "stat").rsplit(b")", 1)
    return int(stat[1].split()[1]) if len(stat) == 2 else None


def rank_of(pid):
    found = [entry for entry in read(pid, "environ").split(b"\0") if entry.startswith(b"SLURM_PROCID=")]
    return found[0].split(b"=")[1].decode() if found else None


def table(outcomes):
    """The outcomes as Markdown: what was seen, each kind once."""
    lines = ["| victim | moment | TERM | KILL | STOP, CONT |", "|---|---|---|---|---|"]
    for victim in VICTIMS:
        for moment in MOMENTS:
            cells = [", ".join(sorted(outcomes.get((victim, moment, blow), {"–"}))) for blow in BLOWS]
            lines.append(f"| {victim} | {moment} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prun", default=TOP / "target/debug/prun", type=pathlib.Path)
    parser.add_argument("--rounds", default=1, type=int)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--markdown", type=pathlib.Path)
    options = parser.parse_args()
    cases = [(victim, moment, blow) for victim in VICTIMS for moment in MOMENTS for blow in BLOWS]
    cases = [case for case in cases if all(word in "/".join(case) for word in options.only)]
    cluster, outcomes, failures, number = Cluster(options.prun), {}, [], 0
    try:
        for _ in range(options.rounds):
            for case in cases:
                number += 1
                begin = time.monotonic()
                try:
                    one = Case(cluster, *case, number)
                    outcome = one.run() + (" (too late)" if one.missed else "")
                except Failure as failure:
                    outcome = "FAILURE"
                    failures.append(f"{'/'.join(case)}: {failure}")
                    print(f"  {failure}")
                outcomes.setdefault(case, set()).add(outcome)
                print(f"{'/'.join(case)}: {outcome} ({time.monotonic() - begin:.1f} s)", flush=True)
        cluster.down()
    except Exception:
        traceback.print_exc()
        print(f"the cluster is left in {cluster.root}")
        return 1
    if options.markdown:
        options.markdown.write_text(table(outcomes))
    print(f"{number - len(failures)} of {number} cases as they should be", *failures, sep="\n")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
