#!/bin/bash
#SBATCH --job-name=sort
#SBATCH --output=sort.out
#SBATCH --ntasks=4
# Numbers on all ranks are sorted. The programs: cargo build --release -p prun-examples
srun "${EXAMPLES:-target/release}/sort"
