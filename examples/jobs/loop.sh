#!/bin/bash
#SBATCH --job-name=loop
#SBATCH --output=loop.out
#SBATCH --ntasks=3
# A parameter study without a job array: one step after the other, each over all tasks.
for temperature in 280 290 300; do
  srun bash -c 'echo "rank $SLURM_PROCID at '$temperature' K: $((SLURM_PROCID * '$temperature'))"'
done
