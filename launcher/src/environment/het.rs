//! Variables of a heterogeneous job: its size, and what each component is and holds (`sbatch(1)`, output environment
//! variables).

use super::job::of_job;
use super::setter::{Setter, Variables};
use crate::controller::api::JobView;

/// Variables that a component has under a name of its own, `NAME_HET_GROUP_K`.
const OF_COMPONENT: &[&str] = &[
    "SLURM_CPUS_PER_TASK",
    "SLURM_JOB_ACCOUNT",
    "SLURM_JOB_CPUS_PER_NODE",
    "SLURM_JOB_NAME",
    "SLURM_JOB_NODELIST",
    "SLURM_JOB_NUM_NODES",
    "SLURM_JOB_PARTITION",
    "SLURM_JOB_QOS",
    "SLURM_MEM_PER_CPU",
    "SLURM_MEM_PER_NODE",
    "SLURM_NPROCS",
    "SLURM_NTASKS",
    "SLURM_NTASKS_PER_NODE",
    "SLURM_TASKS_PER_NODE",
    "SLURM_THREADS_PER_CORE",
];

/// Whether each component has this variable under a name of its own.
#[must_use]
pub fn is_of_component(name: &str) -> bool {
    name == "SLURM_JOB_ID" || OF_COMPONENT.contains(&name)
}

/// What the script finds of all components; nothing where the job is of one kind.
pub(super) fn of_components(setter: &mut Setter, components: &[JobView]) {
    setter.set_if("SLURM_HET_SIZE", components.first().and_then(|job| job.het).map(|het| het.size));
    for job in components {
        let Some(het) = job.het else { continue };
        let mut set = |name: &str, value: &[u8]| {
            setter.set_bytes(&format!("{name}_HET_GROUP_{}", het.offset), value);
        };
        set("SLURM_JOB_ID", job.id.to_string().as_bytes());
        for (name, value) in of_job(job) {
            if let Some(name) = OF_COMPONENT.iter().find(|known| known.as_bytes() == name.as_slice()) {
                set(name, &value);
            }
        }
    }
}

/// Variables of all components, for whoever has a heterogeneous job without a script: `salloc`'s command, `srun`'s tasks.
/// Empty where there is one component alone.
#[must_use]
pub fn of_het_job(components: &[JobView]) -> Variables {
    let mut setter = Setter::default();
    if components.len() > 1 {
        of_components(&mut setter, components);
    }
    setter.variables
}

/// What the command of `salloc` finds of its job: of a heterogeneous one little but what each component has, since
/// nothing else holds for all of them.
#[must_use]
pub fn of_allocation(components: &[JobView]) -> Variables {
    const OF_ALL: [&[u8]; 4] =
        [b"SLURM_CLUSTER_NAME", b"SLURM_JOB_ID", b"SLURM_SUBMIT_DIR", b"SLURM_SUBMIT_HOST"];
    const AS_WELL: [(&str, &[u8]); 3] = [
        ("SLURM_JOBID", b"SLURM_JOBID"),
        ("SLURM_NNODES", b"SLURM_NNODES"),
        ("SLURM_NODELIST", b"SLURM_NODELIST"),
    ];
    let [leader, others @ ..] = components else { return Variables::new() };
    let mut setter = Setter { variables: of_job(leader) };
    if others.is_empty() {
        return setter.variables;
    }
    setter.variables.retain(|(name, _)| OF_ALL.contains(&name.as_slice()));
    of_components(&mut setter, components);
    for (offset, job) in components.iter().enumerate() {
        for (name, value) in of_job(job) {
            let Some((name, _)) = AS_WELL.iter().find(|(_, known)| *known == name.as_slice()) else {
                continue;
            };
            // The number is the component's own here.
            let id = job.id.to_string();
            let value = if *name == "SLURM_JOBID" { id.as_bytes() } else { value.as_slice() };
            setter.set_bytes(&format!("{name}_HET_GROUP_{offset}"), value);
        }
    }
    let tasks: u32 = components.iter().map(|job| job.ntasks).sum();
    setter.set("SLURM_NTASKS", tasks);
    setter.set("SLURM_NPROCS", tasks);
    setter.variables
}

#[cfg(test)]
mod tests {
    use prun_runtime::ids::JobId;

    use super::*;
    use crate::controller::api::HetView;
    use crate::environment::sample::{check, job};

    fn component(options: &str, offset: u32) -> JobView {
        let het = HetView { leader: JobId(42), offset, size: 2 };
        JobView { id: JobId(42 + offset), het: Some(het), ..job(options) }
    }

    #[test]
    fn each_component_has_variables_of_its_own() {
        let components = [component("-n 3", 0), component("-N 2 -c 2", 1)];
        let mut setter = Setter::default();
        of_components(&mut setter, &components);
        let expected = [
            "SLURM_HET_SIZE=2",
            "SLURM_JOB_ID_HET_GROUP_0=42",
            "SLURM_JOB_ID_HET_GROUP_1=43",
            "SLURM_JOB_NODELIST_HET_GROUP_1=n[1-2]",
            "SLURM_NTASKS_HET_GROUP_0=3",
            "SLURM_NTASKS_HET_GROUP_1",
            "SLURM_CPUS_PER_TASK_HET_GROUP_0",
            "SLURM_CPUS_PER_TASK_HET_GROUP_1=2",
            "SLURM_JOB_ID",
        ];
        check(&setter.variables, &expected);
        // Whichever component a program runs in, its job is known by the leader's number.
        check(&of_job(&components[1]), &["SLURM_JOB_ID=42", "SLURM_JOBID=42"]);
    }

    #[test]
    fn an_allocation_of_several_components_says_little_of_all_of_them() {
        let components = [component("-n 3", 0), component("-N 2", 1)];
        let expected = [
            "SLURM_JOB_ID=42",
            "SLURM_JOBID",
            "SLURM_JOBID_HET_GROUP_1=43",
            "SLURM_JOB_NODELIST",
            "SLURM_NODELIST_HET_GROUP_1=n[1-2]",
            "SLURM_NNODES_HET_GROUP_0=2",
            "SLURM_NTASKS=0",
            "SLURM_HET_SIZE=2",
        ];
        check(&of_allocation(&components), &expected);
        check(&of_allocation(&[job("-n 3")]), &["SLURM_JOB_NODELIST=n[1-2]", "SLURM_HET_SIZE"]);
        assert_eq!(of_het_job(&[job("-n 3")]), []);
    }

    #[test]
    fn a_job_of_one_kind_has_none() {
        let mut setter = Setter::default();
        of_components(&mut setter, &[]);
        assert_eq!(setter.variables, []);
    }
}
