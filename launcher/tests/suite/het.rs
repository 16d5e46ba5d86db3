//! Heterogeneous jobs: components that start together, and a script that runs steps in each.

use crate::cluster::Cluster;
use crate::harness::until;

const JOB: &str = "#!/bin/bash
#SBATCH -n 1 -J lead -o out
#SBATCH packjob
#SBATCH -n 2 -N 1 -c 1 -J second
#SBATCH hetjob
#SBATCH -N 1
echo size $SLURM_HET_SIZE on $SLURM_JOB_NODELIST $SLURM_JOB_NODELIST_HET_GROUP_1
srun bash -c 'echo lead $SLURM_PROCID of $SLURM_NTASKS on $SLURMD_NODENAME'
srun --het-group=1 -l bash -c 'echo job $SLURM_JOB_ID tasks $SLURM_NTASKS on $SLURMD_NODENAME'
srun --het-group=3 true 2>&1
srun --het-group=0,1 true 2>&1
squeue -h -o '%i %j %T'
scontrol show job $SLURM_JOB_ID | grep Het
exit 3
";

#[test]
fn components_are_jobs_of_their_own_that_start_and_end_together() {
    let cluster = Cluster::up(&[("job.sh", JOB)], &["--local", "3x2"]);
    let run = cluster.run("sbatch --hold --parsable job.sh");
    let id: u32 = run.stdout.trim().parse().unwrap();
    let warning = "sbatch: warning: The \"packjob\" component separator is deprecated. Please use \"hetjob\" instead.\n";
    assert_eq!(run.stderr, warning);
    assert_eq!(
        cluster.ask("squeue -h -S i -o %i:%j:%r"),
        format!("{id}+0:lead:JobHeldUser\n{id}+1:second:JobHeldUser\n{id}+2:second:JobHeldUser\n")
    );
    let part = cluster.run(&format!("scancel {id}+1"));
    let refused = format!(
        "scancel: error: Kill job error on job id {id}+1: Operation not permitted on individual component of heterogeneous job\n"
    );
    assert_eq!((part.code, part.stderr.as_str()), (Some(1), refused.as_str()));
    cluster.ask(&format!("scontrol release {id}"));
    until("it has ended", || cluster.ask("squeue -h").is_empty());
    let second = "slurmnode2";
    let (one, two) = (id + 1, id + 2);
    assert_eq!(
        cluster.place().read("out"),
        format!(
            "size 3 on slurmnode1 {second}
lead 0 of 1 on slurmnode1
0: job {id} tasks 2 on {second}
1: job {id} tasks 2 on {second}
srun: fatal: Attempt to run a job step with het group value of 3, but the job allocation has maximum value of 2
srun: error: --het-group=0,1: a step in several components is not supported, start one in each
{id}+0 lead RUNNING
{id}+1 second RUNNING
{id}+2 second RUNNING
JobId={id} HetJobId={id} HetJobOffset=0 JobName=lead
   HetJobIdSet={id}-{two}
JobId={one} HetJobId={id} HetJobOffset=1 JobName=second
   HetJobIdSet={id}-{two}
JobId={two} HetJobId={id} HetJobOffset=2 JobName=second
   HetJobIdSet={id}-{two}
"
        )
    );
    let accounting = cluster.ask(&format!("sacct -nXP -j {id} -o JobID,State,ExitCode"));
    assert_eq!(accounting, format!("{id}+0|FAILED|3:0\n{id}+1|FAILED|3:0\n{id}+2|FAILED|3:0\n"));
    let steps = cluster.ask(&format!("sacct -nP -j {id}+1 -o JobID,JobName"));
    assert_eq!(steps, format!("{id}+1|second\n{id}+1.0|bash\n"));
}
