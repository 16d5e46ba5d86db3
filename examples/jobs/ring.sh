#!/bin/bash
#SBATCH --job-name=ring
#SBATCH --output=ring.out
#SBATCH --ntasks=4
# A token goes round the ranks. The programs: cargo build --release -p prun-examples
srun "${EXAMPLES:-target/release}/ring"
