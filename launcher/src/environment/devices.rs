//! Variables that tell programs which devices are theirs.

use super::setter::Setter;

/// What the libraries of the vendors read.
const VISIBLE: [&str; 4] =
    ["CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "ZE_AFFINITY_MASK", "GPU_DEVICE_ORDINAL"];

/// Numbers of the GPUs among generic resources (`gpu`, `gpu:TYPE`), ascending.
fn gpus(gres: &[(String, Vec<u32>)]) -> Vec<u32> {
    let is_gpu = |pool: &str| pool == "gpu" || pool.starts_with("gpu:");
    let mut numbers: Vec<u32> =
        gres.iter().filter(|(pool, _)| is_gpu(pool)).flat_map(|(_, n)| n).copied().collect();
    numbers.sort_unstable();
    numbers
}

fn list(numbers: &[u32]) -> String {
    numbers.iter().map(u32::to_string).collect::<Vec<_>>().join(",")
}

/// GPUs that a job holds on a node. Nothing is set for a job without any.
pub(super) fn of_job(setter: &mut Setter, held: &[(String, Vec<u32>)]) {
    let numbers = gpus(held);
    if !numbers.is_empty() {
        setter.set("SLURM_JOB_GPUS", list(&numbers));
        setter.set("SLURM_GPUS_ON_NODE", numbers.len());
        visible(setter, &numbers);
    }
}

/// GPUs that a step holds on a node, out of those of its job.
pub(super) fn of_step(setter: &mut Setter, of_job: &[(String, Vec<u32>)], of_step: &[(String, Vec<u32>)]) {
    let numbers = gpus(of_step);
    if gpus(of_job).is_empty() {
        return;
    }
    setter.set("SLURM_JOB_GPUS", list(&gpus(of_job)));
    if numbers.is_empty() {
        // So that libraries find none, where a missing variable would mean all.
        setter.set("CUDA_VISIBLE_DEVICES", "NoDevFiles");
    } else {
        setter.set("SLURM_STEP_GPUS", list(&numbers));
        setter.set("SLURM_GPUS_ON_NODE", numbers.len());
        visible(setter, &numbers);
    }
}

/// GPUs of one task, where each has its own.
pub(super) fn of_task(setter: &mut Setter, own: &[(String, Vec<u32>)]) {
    let numbers = gpus(own);
    if !numbers.is_empty() {
        visible(setter, &numbers);
    }
}

fn visible(setter: &mut Setter, numbers: &[u32]) {
    for name in VISIBLE {
        setter.set(name, list(numbers));
    }
}
