"""A rank that asks for processes which a step does not give."""

from mpi4py import MPI

try:
    MPI.COMM_WORLD.Spawn("/bin/true", maxprocs=1)
except MPI.Exception:
    print("refused")
