#!/bin/bash
#SBATCH --job-name=words
#SBATCH --output=words.out
#SBATCH --ntasks=4
# The words of a text are counted. The programs: cargo build --release -p prun-examples
srun "${EXAMPLES:-target/release}/words" text.txt
