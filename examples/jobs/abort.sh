#!/bin/bash
#SBATCH --job-name=abort
#SBATCH --output=abort.out
#SBATCH --ntasks=4
# One rank ends the step for all, with code 3. The programs: cargo build --release -p prun-examples
srun "${EXAMPLES:-target/release}/abort"
