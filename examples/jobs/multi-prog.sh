#!/bin/bash
#SBATCH --job-name=multi-prog
#SBATCH --output=multi-prog.out
#SBATCH --ntasks=4
# Different programs in one step: %t is the rank, %o its place in the line's range.
srun --label --multi-prog multi-prog.conf
