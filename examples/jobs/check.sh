#!/bin/bash
#SBATCH --job-name=check
#SBATCH --output=check.out
#SBATCH --ntasks=4
# Random calls, and whether they are right. The programs: cargo build --release -p prun-examples
srun "${EXAMPLES:-target/release}/check" "${SEED:-1}"
