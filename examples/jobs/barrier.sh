#!/bin/bash
#SBATCH --job-name=barrier
#SBATCH --output=barrier.out
#SBATCH --ntasks=4
# Shell ranks that wait for each other: after the barrier every rank sees what every other wrote before it.
dir=$(mktemp -d)
srun bash -c '
  echo "from $SLURM_PROCID" > '"$dir"'/$SLURM_PROCID
  prun barrier
  echo "rank $SLURM_PROCID sees: $(cat '"$dir"'/* | tr "\n" ";")"'
rm -r "$dir"
