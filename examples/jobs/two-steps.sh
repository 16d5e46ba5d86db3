#!/bin/bash
#SBATCH --job-name=two-steps
#SBATCH --output=two-steps.out
#SBATCH --ntasks=4
# Two steps side by side: each waits for a file that only the other one makes.
meet=$(mktemp -d)
srun --exact -n 2 --output=left.out bash -c '
  touch '"$meet"'/left.$SLURM_PROCID
  until [ -e '"$meet"'/right.$SLURM_PROCID ]; do read -t 0.02 <> <(:); done
  echo "left $SLURM_PROCID met right"' &
srun --exact -n 2 --output=right.out bash -c '
  touch '"$meet"'/right.$SLURM_PROCID
  until [ -e '"$meet"'/left.$SLURM_PROCID ]; do read -t 0.02 <> <(:); done
  echo "right $SLURM_PROCID met left"' &
wait
cat left.out right.out
rm -r left.out right.out "$meet"
