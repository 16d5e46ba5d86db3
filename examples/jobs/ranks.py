"""Messages and collective calls of a rank, for programs without any MPI: each one is a `prun` command.

The ranks of a step are processes that `srun` has started; prun tells each who it is by its environment.
"""
import os
import subprocess

RANK = int(os.environ["PRUN_RANK"])
SIZE = int(os.environ["PRUN_SIZE"])


def _prun(*words, data=b""):
    """Runs a command of prun; `subprocess.CalledProcessError` where it fails, which it has said on stderr."""
    return subprocess.run(["prun", *map(str, words)], input=data, stdout=subprocess.PIPE, check=True).stdout


def barrier():
    """Waits for all ranks."""
    _prun("barrier")


def bcast(data, root=0):
    """The root's bytes, on every rank."""
    return _prun("bcast", "--root", root, data=data if RANK == root else b"")


def gather(data, root=0):
    """The bytes of all ranks put together, on the root; elsewhere none."""
    return _prun("gather", "--root", root, data=data)


def _number(word):
    try:
        return int(word)
    except ValueError:
        return float(word)


def _folded(command, numbers, op, *words):
    folded = _prun(command, "--op", op, *words, data=" ".join(map(repr, numbers)).encode())
    return [_number(word) for word in folded.decode().split()]


def reduce(numbers, op="sum", root=0):
    """Numbers of all ranks, folded one by one, on the root; elsewhere none."""
    return _folded("reduce", numbers, op, "--root", root)


def allreduce(numbers, op="sum"):
    """Numbers of all ranks, folded one by one, on every rank."""
    return _folded("allreduce", numbers, op)


def scan(numbers, op="sum", exclusive=False):
    """Numbers of ranks 0 to this one, folded one by one."""
    return _folded("scan", numbers, op, *(["--exclusive"] if exclusive else []))


def send(data, to, tag=0):
    """Bytes for another rank."""
    _prun("send", "--to", to, "--tag", tag, data=data)


def recv(source=None, tag=None):
    """The next message that matches: who sent it, its tag, its bytes."""
    words = ["--header"]
    words += ["--from", source] if source is not None else []
    words += ["--tag", tag] if tag is not None else []
    header, data = _prun("recv", *words).split(b"\n", 1)
    source, tag, _ = map(int, header.split())
    return source, tag, data
