"""What a check stands on: facts observed one after another, commands with what they said, and waiting for a condition.

A check is a program whose steps are functions; each is run where it stands, and a step that fails does not keep the
next from being run:

    @step("submit and result")
    def _():
        job = client.submit(add, 5, 7)
        assert job.result() == 12, job.result()
        return f"job {job.id}"          # a word for the reader, if there is one

    finish()
"""

import os
import pathlib
import subprocess
import sys
import time
import traceback

#: A directory of this run's own, which is also its `HOME`.
HERE = pathlib.Path.cwd()

_failed = []
_passed = []


def step(name):
    """Runs the decorated function at once, says how it went, and remembers it."""

    def run_it(function):
        try:
            said = function()
        except Exception as wrong:  # whatever a client throws is a step that failed, and the next one is still of interest
            traceback.print_exc()
            _failed.append(name)
            print(f"FAIL {name}: {type(wrong).__name__}: {str(wrong)[:600]}", flush=True)
        else:
            _passed.append(name)
            print(f"pass {name}" + (f": {said}" if said is not None else ""), flush=True)
        return function

    return run_it


def finish():
    """Says how many steps passed and failed, and ends the program: 1 when one failed or none was run."""
    print(f"{len(_passed)} passed, {len(_failed)} failed", flush=True)
    sys.stdout.flush()
    sys.stderr.flush()
    # Some clients leave threads behind that would keep the program from ending.
    os._exit(1 if _failed or not _passed else 0)


def run(*words, code=0, **options):
    """Runs a command, or a shell line when it is one word; gives what it wrote to stdout.

    Fails when its exit code is not `code`; `code=None` takes any.
    """
    line = words[0] if len(words) == 1 else [str(word) for word in words]
    done = subprocess.run(line, shell=isinstance(line, str), text=True, capture_output=True,
                          **{"timeout": 60, "stdin": subprocess.DEVNULL if "input" not in options else None, **options})
    if code is not None:
        assert done.returncode == code, f"`{line}` ended with {done.returncode}: {done.stdout}{done.stderr}"
    return done.stdout


def wait_for(what, ask, seconds=40, pause=0.2):
    """Asks until the answer is true, and gives it; fails, naming what was waited for, when the time is over."""
    end = time.monotonic() + seconds
    while True:
        answer = ask()
        if answer:
            return answer
        assert time.monotonic() < end, f"no {what} within {seconds} s; the last answer was {answer!r}"
        time.sleep(pause)


def state(job):
    """The state of a job as accounting has it: its first word, since `CANCELLED by 0` names a user too."""
    words = run("sacct", "-n", "-X", "-P", "-o", "State", "-j", job).split()
    return words[0] if words else ""


def until(job, wanted, seconds=40):
    """Waits until a job has a state."""
    return wait_for(f"{wanted} of job {job}", lambda: state(job) == wanted and wanted, seconds)
