#!/bin/bash
#SBATCH --job-name=hello
#SBATCH --output=hello.out
#SBATCH --ntasks=4
# Every rank says who it is and where. The programs: cargo build --release -p prun-examples
srun "${EXAMPLES:-target/release}/hello"
