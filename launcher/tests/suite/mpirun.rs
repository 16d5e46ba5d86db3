//! `mpirun` in a job script starts its helpers with `srun`: the words that Hydra, PRRTE and Open MPI 4 say to it, as they
//! were seen to, with a helper in a few lines of shell in the place of theirs.

use std::time::Duration;

use super::harness::{Place, Run};

/// A helper of that name: says where it is, what it was told, what it can read, and what of PMI it has got.
const HELPER: &str = r#"#!/bin/bash
printf '%s %s of %s: %s; input %s; PMI: %s\n' "$SLURMD_NODENAME" "$SLURM_PROCID" "$SLURM_NTASKS" "$*" "$(wc -c)" \
  "$(env | grep -cE '^(PMI_|PMIX_|PMI2_)')"
"#;

/// Runs lines of a job of six tasks on three nodes beside a helper; they find its directory in `$HERE`.
fn job(helper: &str, lines: &str) -> Run {
    let place = Place::with(&[(helper, HELPER)]);
    let run = place.script(&format!("export HERE=$PWD\n{lines}"));
    place.assert_nothing_left(Duration::from_secs(1));
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{run:?}");
    run
}

/// What helpers on these nodes say.
fn said(nodes: &[u32], told: &str) -> String {
    let count = nodes.len();
    let line = |(at, node)| format!("slurmnode{node} {at} of {count}: {told}; input 0; PMI: 0\n");
    nodes.iter().enumerate().map(line).collect()
}

/// MPICH's and Intel MPI's: `mpiexec` of MPICH 3.4 to 5.0 says this in an allocation of several nodes.
#[test]
fn hydra_starts_a_proxy_on_each_node() {
    let words = "--control-port slurmnode1:4242 --rmk slurm --launcher slurm --demux poll --pgid 0 --retries 10 \
                 --usize -2 --pmi-port 0 --gpus-per-proc -2 --gpu-subdevs-per-proc -2 --proxy-id -1";
    let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
    let run = job(
        "hydra_pmi_proxy",
        &format!(
            "export SLURM_EXTERNAL_LAUNCHER=1
            srun -N 3 -n 3 --input none $HERE/hydra_pmi_proxy {words}
            srun --nodelist slurmnode1,slurmnode3 -N 2 -n 2 --input none $HERE/hydra_pmi_proxy {words}"
        ),
    );
    assert_eq!(run.stdout, said(&[1, 2, 3], &words) + &said(&[1, 3], &words));
}

/// Open MPI 5's: it asks for the version first, and reads `slurm X.Y.Z`.
#[test]
fn prrte_starts_a_daemon_on_each_other_node() {
    let words = "--prtemca ess slurm --prtemca ess_base_jobid 1 --prtemca ess_base_vpid 1 --prtemca ess_base_num_procs 3";
    let run = job(
        "prted",
        &format!(
            "srun --version
            PATH=$HERE:$PATH
            srun --external-launcher --ntasks-per-node=1 --kill-on-bad-exit --mpi=none --cpu-bind=none --ntasks=3 prted {words}
            srun --external-launcher --ntasks-per-node=1 --kill-on-bad-exit --mpi=none --cpu-bind=none \
              --jobid=$SLURM_JOB_ID --nodes=2 --nodelist=slurmnode2,slurmnode3 --ntasks=2 prted {words}"
        ),
    );
    let (version, rest) = run.stdout.split_once('\n').unwrap();
    let numbers = version.strip_prefix("slurm ").unwrap();
    assert!(
        numbers.split('.').count() == 3 && numbers.split('.').all(|n| n.parse::<u32>().is_ok()),
        "{version}"
    );
    assert_eq!(rest, said(&[1, 2, 3], words) + &said(&[2, 3], words));
}

/// Open MPI 4's: `orted` on the nodes that `mpirun` itself is not on, while the script goes on.
#[test]
fn open_mpi_4_starts_its_daemons_on_the_nodes_that_it_names() {
    let words = "-mca ess slurm -mca ess_base_jobid 3 -mca ess_base_vpid 1 -mca ess_base_num_procs 3";
    let run = job(
        "orted",
        &format!(
            "srun --ntasks-per-node=1 --kill-on-bad-exit --mpi=none --nodes=2 --nodelist=slurmnode2,slurmnode3 \
              --ntasks=2 $HERE/orted {words} < /dev/null &
            wait $!
            srun --ntasks-per-node=1 --no-kill --cpu-bind=none --mpi=none --nodes=1 --nodelist=slurmnode3 --ntasks=1 \
              $HERE/orted {words}"
        ),
    );
    assert_eq!(run.stdout, said(&[2, 3], words) + &said(&[3], words));
}

/// Ranks of an `mpirun` run beside its helpers' step, which has asked for every CPU there is.
#[test]
fn helpers_leave_their_cpus_to_steps_beside_them() {
    let run = job(
        "prted",
        "srun --external-launcher --ntasks-per-node=1 --mpi=none --ntasks=3 bash -c 'sleep 0.5; echo helper' &
        srun --overlap -n 6 --label printenv SLURM_NTASKS
        wait",
    );
    let ranks: String = (0..6).map(|rank| format!("{rank}: 6\n")).collect();
    assert!(run.stdout.contains(&ranks), "{run:?}");
    assert_eq!(run.stdout.matches("helper\n").count(), 3, "{run:?}");
}
