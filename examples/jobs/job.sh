#!/bin/bash
#SBATCH --job-name=test
#SBATCH --output=result.out
#SBATCH --ntasks=6

# A job works where it was submitted: beside this script, or at the top of the tree.
[ -e test.py ] || cd examples/jobs
sbcast -f test.py /tmp/test.py
srun python3 /tmp/test.py
