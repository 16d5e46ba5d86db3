"""What one rank of the tutorial's job says: who it is, where it runs, and that all of them run at once."""

import os
import socket
import time

rank = int(os.environ.get("SLURM_PROCID", 0))
size = int(os.environ.get("SLURM_NTASKS", 1))
node = os.environ.get("SLURMD_NODENAME", socket.gethostname())
started = time.time()

print(f"task {rank} of {size} on {node}")
print(f"  started at {started:.3f}")
time.sleep(1)
print(f"  ran for {time.time() - started:.1f} s")
