"""Pi by a sum over ranks, and a word that goes round them: Python ranks that talk through `prun` commands."""
import ranks

STEPS = 100_000

width = 1 / STEPS
mine = sum(4 / (1 + ((i + 0.5) * width) ** 2) for i in range(ranks.RANK, STEPS, ranks.SIZE)) * width
(pi,) = ranks.allreduce([mine])
(so_far,) = ranks.scan([10])
print(f"rank {ranks.RANK} of {ranks.SIZE}: pi is {pi:.6f}, {so_far} so far")

right = (ranks.RANK + 1) % ranks.SIZE
if ranks.RANK == 0:
    ranks.send(b"0", right)
    print("round:", ranks.recv()[2].decode())
else:
    _, _, path = ranks.recv(source=ranks.RANK - 1)
    ranks.send(path + b" " + str(ranks.RANK).encode(), right)
word = ranks.bcast(b"bye")
all_words = ranks.gather(word + b"\n")
if ranks.RANK == 0:
    print(all_words.decode().split())
