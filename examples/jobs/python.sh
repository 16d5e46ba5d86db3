#!/bin/bash
#SBATCH --job-name=python
#SBATCH --output=python.out
#SBATCH --ntasks=4
# Python ranks, standard library only: messages and collective calls by prun's commands (ranks.py).
srun python3 python.py
