"""A step that one of its ranks, the last one, does not end as it should.

    ending.py HOW STAMP    writes the time at which it happens to the file STAMP
"""

import os
import pathlib
import signal
import sys
import time

how, stamp = sys.argv[1], pathlib.Path(sys.argv[2])
rank = int(os.environ.get("PMI_RANK") or os.environ.get("PMIX_RANK") or os.environ["OMPI_COMM_WORLD_RANK"])
size = int(os.environ.get("PMI_SIZE") or os.environ.get("OMPI_COMM_WORLD_SIZE") or os.environ["SLURM_NTASKS"])
is_the_one = rank == size - 1


def now():
    stamp.write_text(str(time.time()))


if how == "leaves before MPI_Init" and is_the_one:
    # The others wait for it by then.
    time.sleep(1)
    now()
    sys.exit()
if how == "hangs before MPI_Init" and is_the_one:
    now()
    time.sleep(600)

from mpi4py import MPI  # noqa: E402  MPI_Init is here

# Everybody has spoken to everybody, through shared memory where they share it.
MPI.COMM_WORLD.alltoall([bytes(1000)] * size)
MPI.COMM_WORLD.Barrier()
if is_the_one:
    now()
    if how == "is killed":
        os.kill(os.getpid(), signal.SIGKILL)
    elif how == "exits with 7":
        os._exit(7)
    elif how == "calls MPI_Abort(42)":
        MPI.COMM_WORLD.Abort(42)
MPI.COMM_WORLD.Barrier()
time.sleep(600)
