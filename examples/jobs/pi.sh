#!/bin/bash
#SBATCH --job-name=pi
#SBATCH --output=pi.out
#SBATCH --ntasks=4
# Pi by a sum over ranks. The programs: cargo build --release -p prun-examples
srun "${EXAMPLES:-target/release}/pi"
