//! Heterogeneous jobs: components that start together, and a script that runs steps in each.

use crate::cluster::Cluster;
use crate::harness::{Place, until};

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
srun --het-group=0,1 -l bash -c 'echo $SLURM_PROCID of $SLURM_NTASKS on $SLURM_STEP_NODELIST'
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
srun: error: Requested het-group offset exceeds highest hetjob index (3 > 2)
0: 0 of 3 on slurmnode[1-2]
1: 1 of 3 on slurmnode[1-2]
2: 2 of 3 on slurmnode[1-2]
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
    assert_eq!(steps, format!("{id}+1|second\n{id}+1.1|bash\n{id}+1.2|bash\n"));
}

const STEPS: &str = "#!/bin/bash
srun -l --het-group=0-2 bash -c 'echo $SLURM_PROCID/$SLURM_NTASKS node $SLURM_NODEID of $SLURM_NNODES, job $SLURM_JOB_ID on $SLURM_JOB_NODELIST $SLURM_GTIDS $SLURM_STEP_TASKS_PER_NODE'
srun -l --het-group=2,0 bash -c 'prun barrier; echo $SLURM_JOB_NODELIST $SLURM_JOB_CPUS_PER_NODE'
srun -l bash -c 'echo first' : -n1 bash -c 'echo second on $SLURMD_NODENAME' x : echo third
srun -l --het-group=1 echo a : --het-group=0 echo b
srun --het-group=0,1 bash -c 'exit $((SLURM_PROCID + 3))'
echo code $?
srun --het-group=0 echo a : --het-group=0 echo b
srun --het-group=0,9 true
srun --het-group=x true
srun --het-group=0,1 -n 9 true
srun --het-group=0-2 sleep 60 & sleep 0.3
echo $(squeue -s -h -S i -o '%i %N')
scancel $SLURM_JOB_ID.5
wait $!
echo cancelled $?
";

#[test]
fn a_step_is_over_several_components() {
    let cluster = Cluster::up(&[("job.sh", STEPS)], &["--local", "3x2"]);
    let run = cluster.run("sbatch --wait --parsable -o out -n2 : -n1 -J two : -n1 job.sh");
    assert_eq!(run.code, Some(0), "{run:?}");
    let id: u32 = run.stdout.trim().parse().unwrap();
    let out = cluster.place().read("out");
    let (said, rest) = out.split_once("slurmstepd").unwrap();
    let (one, two) = (id + 1, id + 2);
    // The second and the third share a node.
    let whole = format!("of 2, job {id} on slurmnode[1-2]");
    assert_eq!(
        said,
        format!(
            "0: 0/4 node 0 {whole} 0,1 2(x2)
1: 1/4 node 0 {whole} 0,1 2(x2)
2: 2/4 node 1 {whole} 2,3 2(x2)
3: 3/4 node 1 {whole} 2,3 2(x2)
0: slurmnode[1-2] 2,1
1: slurmnode[1-2] 2,1
2: slurmnode[1-2] 2,1
0: first
1: first
2: second on slurmnode2
3: third
0: b
1: b
2: a
srun: error: slurmnode1: task 0: Exited with exit code 3
srun: error: slurmnode1: task 1: Exited with exit code 4
srun: error: slurmnode2: task 0: Exited with exit code 5
code 5
srun: fatal: Duplicate het groups in single srun not supported
srun: error: Attempt to run a job step with het group value of 9, but the job allocation has maximum value of 2
srun: error: _parse_single_range: Invalid range: `x'
srun: error: Invalid --het-group value: x
srun: error: Unable to create step for job {id}: More processors requested than permitted
{id}.5 slurmnode1 {id}.batch slurmnode1 {one}.5 slurmnode2 {two}.5 slurmnode2
"
        )
    );
    assert!(rest.contains(&format!("*** STEP {two}.5 ON slurmnode2 CANCELLED")), "{rest}");
    assert!(rest.ends_with("cancelled 137\n"), "{rest}");
    let steps = cluster.ask(&format!("sacct -nP -j {id} -o JobID,State,ExitCode,NTasks"));
    for line in [
        format!("{id}+0.4|FAILED|4:0|2"),
        format!("{id}+1.4|FAILED|5:0|1"),
        format!("{id}+0.5|CANCELLED by {}|0:9|2", rustix::process::getuid().as_raw()),
        format!("{id}+2.5|CANCELLED by {}|0:9|1", rustix::process::getuid().as_raw()),
    ] {
        assert!(steps.lines().any(|step| step == line), "{line} not in\n{steps}");
    }
}

#[test]
fn srun_and_salloc_ask_for_several_components() {
    let a = "#!/bin/bash\necho a $SLURM_HET_SIZE $SLURM_JOB_NODELIST\n";
    let b = "#!/bin/bash\necho b $SLURM_NTASKS_HET_GROUP_0\nexit 3\n";
    let all = "#!/bin/bash\necho $SLURM_NTASKS $SLURM_HET_SIZE ${SLURM_JOB_NODELIST-none} $SLURM_NODELIST_HET_GROUP_1\n";
    let cluster = Cluster::up(&[("a", a), ("b", b), ("all", all)], &["--local", "3x2"]);
    let run = cluster.run("srun -n2 -l ./a : -N1 -J two ./b");
    let expected = "0: a 2 slurmnode[1-2]\n1: a 2 slurmnode[1-2]\n2: b 2\n";
    assert_eq!((run.code, run.stdout.as_str()), (Some(3), expected), "{run:?}");
    assert_eq!(run.stderr, "srun: error: slurmnode2: task 0: Exited with exit code 3\n");
    let refused = cluster.run("srun -n1 true : -p nowhere true");
    let lines = "srun: error: invalid partition specified: nowhere\nsrun: error: Unable to allocate resources: Invalid partition name specified\n";
    assert_eq!((refused.code, refused.stderr.as_str()), (Some(1), lines));
    let run = cluster.run("salloc -n2 : -n1 ./all");
    assert_eq!((run.code, run.stdout.as_str()), (Some(0), "3 2 none slurmnode2\n"), "{run:?}");
}

#[test]
fn one_process_runs_steps_over_components_too() {
    let place = Place::with(&[(
        "job.sh",
        "#!/bin/bash\nsrun -l --het-group=0,1 bash -c 'prun barrier; echo $SLURMD_NODENAME'\n",
    )]);
    let run = place.run(["--local", "2x2", "--quiet", "-n", "1", ":", "-n", "3", "job.sh"]);
    assert_eq!(run.stdout, "0: slurmnode1\n1: slurmnode1\n2: slurmnode2\n3: slurmnode2\n", "{run:?}");
    assert_eq!(run.code, Some(0));
}
