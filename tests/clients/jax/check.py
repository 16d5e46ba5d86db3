"""JAX: its own detection of a Slurm step, on CPUs."""

import json
import sys

from steps import HERE, finish, run, step

RANK = """
import json, os
from jax._src.clusters import SlurmCluster as here
print(json.dumps({"present": here.is_env_present(), "address": here.get_coordinator_address(60, None), "size": here.get_process_count(),
                  "rank": here.get_process_id(), "local": here.get_local_process_id(), "job": os.environ["SLURM_JOB_ID"]}), flush=True)
"""
SUM = """
import os, socket
import jax
from jax._src.clusters import SlurmCluster
address = SlurmCluster.get_coordinator_address(60, None)
try:
    socket.gethostbyname(address.rpartition(":")[0])
except OSError:
    # Nodes that are all this machine need no names that resolve.
    address = "127.0.0.1:" + address.rpartition(":")[2]
jax.config.update("jax_cpu_collectives_implementation", "gloo")
jax.distributed.initialize(address)
import jax.numpy as jnp
from jax.experimental import multihost_utils
every = multihost_utils.process_allgather(jnp.array([jax.process_index()]))
print(jax.process_index(), jax.process_count(), int(every.sum()), flush=True)
"""


def ranks(program):
    """Runs a program on two ranks of each of two nodes; gives their lines, by rank."""
    (HERE / "rank.py").write_text(program)
    run("sbatch", "--wait", "-N", "2", "-n", "4", "-o", "ranks.out", "-e", "ranks.err", "--wrap",
        f"srun {sys.executable} rank.py", timeout=120)
    return (HERE / "ranks.out").read_text().splitlines()


@step("what JAX finds in the environment of a step")
def _():
    told = [json.loads(line) for line in ranks(RANK)]
    told.sort(key=lambda one: one["rank"])
    assert [(one["rank"], one["local"], one["size"], one["present"]) for one in told] == [
        (0, 0, 4, True), (1, 1, 4, True), (2, 0, 4, True), (3, 1, 4, True)], told
    addresses = {one["address"] for one in told}
    assert addresses == {f"slurmnode1:{int(told[0]['job']) % 4096 + 61440}"}, addresses
    return addresses.pop()


@step("four processes find each other and add up their numbers")
def _():
    lines = sorted(line for line in ranks(SUM) if not line.startswith("[Gloo]"))
    assert lines == [f"{rank} 4 6" for rank in range(4)], lines


finish()
