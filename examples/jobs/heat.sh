#!/bin/bash
#SBATCH --job-name=heat
#SBATCH --output=heat.out
#SBATCH --ntasks=4
# Heat spreads on a plate; heat.png is the picture. The programs: cargo build --release -p prun-examples
srun "${EXAMPLES:-target/release}/heat" heat.png
