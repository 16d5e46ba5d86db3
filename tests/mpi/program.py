"""What every rank of the matrix runs: messages, collective calls and communicators, each result checked.

    program.py SIZE    fails where the library takes the step for one of another size
"""

import array
import sys

from mpi4py import MPI

comm, rank, size = MPI.COMM_WORLD, MPI.COMM_WORLD.rank, MPI.COMM_WORLD.size
assert size == int(sys.argv[1]), f"{size} ranks instead of {sys.argv[1]}"
ranks = range(size)
total = sum(ranks)
after, before = (rank + 1) % size, (rank - 1) % size


def doubles(count, value=0):
    return array.array("d", [value] * count)


def ints(values):
    return array.array("i", values)


def messages():
    assert comm.sendrecv({"from": rank}, dest=after, source=before) == {"from": before}
    request = comm.isend([rank] * 3, dest=after, tag=3)
    status = MPI.Status()
    assert comm.recv(source=MPI.ANY_SOURCE, tag=3, status=status) == [before] * 3
    assert (status.source, status.tag) == (before, 3)
    request.wait()
    # Small enough for a copy, and too large for one.
    for count in (1, 100_000):
        received = doubles(count)
        request = comm.Isend(doubles(count, rank), dest=after, tag=7)
        comm.Recv(received, source=before, tag=7)
        request.Wait()
        assert received == doubles(count, before)
    comm.Sendrecv_replace(received, dest=before, source=after)
    assert received == doubles(100_000, rank)
    request = comm.isend(rank, dest=after, tag=9)
    comm.probe(source=before, tag=9)
    assert comm.recv(source=before, tag=9) == before
    request.wait()


def pickled_collectives():
    assert comm.bcast("word" if rank == 0 else None) == "word"
    assert comm.scatter([r + 1 for r in ranks] if rank == 0 else None) == rank + 1
    assert comm.gather(rank * rank) == ([r * r for r in ranks] if rank == 0 else None)
    assert comm.allgather(str(rank)) == [str(r) for r in ranks]
    assert comm.alltoall([rank * size + r for r in ranks]) == [r * size + rank for r in ranks]
    assert comm.reduce(rank, op=MPI.MAX, root=size - 1) == (size - 1 if rank == size - 1 else None)
    assert comm.allreduce(rank) == total
    assert comm.scan(1) == rank + 1
    assert comm.exscan(1) == (rank or None)


def buffer_collectives():
    comm.Barrier()
    word = ints([42 if rank == 0 else 0] * 5000)
    comm.Bcast(word)
    assert word == ints([42] * 5000)
    one = ints([0])
    comm.Scatter(ints(ranks) if rank == 0 else None, one)
    assert one[0] == rank
    all_of_them = ints([-1] * size)
    comm.Gather(one, all_of_them if rank == 0 else None)
    assert rank != 0 or all_of_them == ints(ranks)
    comm.Allgather(one, all_of_them)
    assert all_of_them == ints(ranks)
    comm.Alltoall(ints([rank] * size), all_of_them)
    assert all_of_them == ints(ranks)
    result = ints([-1])
    comm.Reduce(one, result if rank == 0 else None, op=MPI.SUM)
    assert rank != 0 or result[0] == total
    comm.Allreduce(one, result)
    assert result[0] == total
    comm.Reduce_scatter_block(ints(ranks), result)
    assert result[0] == rank * size
    comm.Scan(ints([1]), result)
    assert result[0] == rank + 1
    comm.Exscan(ints([1]), result)
    assert rank == 0 or result[0] == rank
    request = comm.Iallreduce(one, result)
    request.Wait()
    assert result[0] == total


def uneven_collectives():
    """Rank r has r + 1 numbers."""
    counts = [r + 1 for r in ranks]
    everybody = ints([r for r in ranks for _ in range(r + 1)])
    own = ints([rank] * (rank + 1))
    gathered = ints([-1] * sum(counts))
    comm.Allgatherv(own, [gathered, counts, None, MPI.INT])
    assert gathered == everybody
    part = ints([-1] * (rank + 1))
    comm.Scatterv([everybody, counts, None, MPI.INT] if rank == 0 else None, part)
    assert part == own
    comm.Gatherv(own, [gathered, counts, None, MPI.INT] if rank == 0 else None)
    received = ints([-1] * sum(counts))
    comm.Alltoallv([ints([rank] * size * (rank + 1)), [rank + 1] * size, None, MPI.INT],
                   [received, counts, None, MPI.INT])
    assert received == everybody


def communicators():
    half = comm.Split(rank % 2, rank)
    assert half.size == (size + 1 - rank % 2) // 2 and half.rank == rank // 2
    assert half.allreduce(1) == half.size
    half.Free()
    same = comm.Dup()
    same.Barrier()
    same.Free()
    turned = comm.Split(0, -rank)
    assert turned.rank == size - 1 - rank
    turned.Free()
    # Whoever shares memory finds one another.
    near = comm.Split_type(MPI.COMM_TYPE_SHARED)
    assert 1 <= near.size <= size
    near.Free()


messages()
pickled_collectives()
buffer_collectives()
uneven_collectives()
communicators()
comm.Barrier()
if rank == 0:
    print("all is well with", size)
