//! Whatever happens in whatever order: no CPU is given twice, no job is lost or runs twice at once, and when
//! everything is well again every job comes to its end.

use std::collections::BTreeMap;

use proptest::prelude::*;
use prun_runtime::ids::{JobId, StepKey};
use prun_runtime::wire::frame::{decode, encode};
use prun_runtime::wire::node::ToNode;

use super::queue::array;
use super::world::*;
use crate::controller::api::*;
use crate::controller::core::Cluster;
use crate::controller::core::config::Config;
use crate::controller::core::event::{Event, LinkId};
use crate::controller::core::image::Image;
use crate::controller::core::lifecycle::Stage;
use crate::controller::journal::replay;
use crate::script::spec::JobSpec;

const CPUS: &[u32] = &[2, 1, 3];

#[derive(Debug, Clone)]
enum Happens {
    Submit { ntasks: u32, minutes: Option<u32>, elements: u32, requeue: bool },
    Together { ntasks: Vec<u32>, minutes: Option<u32>, requeue: bool },
    Exit { which: usize, code: i32 },
    Cancel { which: usize },
    Act { which: usize, action: Action },
    Lose { node: usize },
    Back { node: usize, with_steps: bool },
    Node { node: usize, state: &'static str },
    Pass { seconds: u32 },
}

fn happens() -> impl Strategy<Value = Happens> {
    let node = 0..CPUS.len();
    let submit = (1..=6_u32, prop::option::of(1..90_u32), 0..4_u32, any::<bool>()).prop_map(
        |(ntasks, minutes, elements, requeue)| Happens::Submit { ntasks, minutes, elements, requeue },
    );
    let together = (prop::collection::vec(1..=2_u32, 2..=3), prop::option::of(1..90_u32), any::<bool>())
        .prop_map(|(ntasks, minutes, requeue)| Happens::Together { ntasks, minutes, requeue });
    let actions = prop::sample::select(vec![
        Action::Hold,
        Action::Release,
        Action::Requeue,
        Action::RequeueHold,
        Action::Suspend,
        Action::Resume,
        Action::Top,
    ]);
    prop_oneof![
        4 => submit,
        2 => together,
        4 => (0..20_usize, 0..2_i32).prop_map(|(which, code)| Happens::Exit { which, code }),
        1 => (0..20_usize).prop_map(|which| Happens::Cancel { which }),
        2 => (0..20_usize, actions).prop_map(|(which, action)| Happens::Act { which, action }),
        1 => node.clone().prop_map(|node| Happens::Lose { node }),
        2 => (node.clone(), any::<bool>()).prop_map(|(node, with_steps)| Happens::Back { node, with_steps }),
        1 => (node, prop::sample::select(vec!["drain", "down", "resume"]))
            .prop_map(|(node, state)| Happens::Node { node, state }),
        3 => (0..2000_u32).prop_map(|seconds| Happens::Pass { seconds }),
    ]
}

fn config() -> Config {
    Config { node_timeout_secs: 100, min_job_age_secs: 1_000_000, ..Config::default() }
}

/// A cluster's state as a journal keeps it.
fn bytes(cluster: &Cluster) -> Vec<u8> {
    encode(&cluster.image()).unwrap()
}

/// A world, the links that stand, and the launches seen.
struct Play {
    world: World,
    links: Vec<Option<LinkId>>,
    next_link: u64,
    launches: BTreeMap<JobId, u32>,
    submitted: usize,
}

impl Play {
    fn new() -> Self {
        let world = World::with(CPUS, config());
        let links = (1..).map(LinkId).map(Some).take(CPUS.len()).collect();
        Self { world, links, next_link: 1000, launches: BTreeMap::new(), submitted: 0 }
    }

    fn jobs(&self) -> Vec<u32> {
        self.world.cluster.jobs.keys().map(|id| id.0).collect()
    }

    /// Scripts that run on nodes whose link stands.
    fn reachable(&self) -> Vec<StepKey> {
        let steps = self.world.cluster.jobs.values().flat_map(|job| job.run.steps.values());
        let live = steps.filter(|step| step.live());
        let stands = |link: &LinkId| self.links.contains(&Some(*link));
        live.filter(|step| step.open.iter().all(stands)).map(|step| step.key).collect()
    }

    fn happens(&mut self, event: &Happens) {
        match *event {
            Happens::Submit { ntasks, minutes, elements, requeue } => {
                let numbers: Vec<u32> = (0..elements).collect();
                let array = (elements > 0).then(|| array(&numbers, None));
                let spec =
                    JobSpec { time_limit: Some(minutes), requeue: Some(requeue), array, ..tasks(ntasks) };
                self.world.submit(spec);
                self.submitted += elements.max(1) as usize;
            }
            Happens::Together { ref ntasks, minutes, requeue } => {
                let component =
                    |&n| JobSpec { time_limit: Some(minutes), requeue: Some(requeue), ..tasks(n) };
                self.world.submit_all(ntasks.iter().map(component).collect());
                self.submitted += ntasks.len();
            }
            Happens::Exit { which, code } => {
                let steps = self.reachable();
                if let Some(key) = steps.get(which % steps.len().max(1)) {
                    self.world.exit(key.job.0, key.step, code, 0);
                }
            }
            Happens::Cancel { which } => {
                let jobs = self.jobs();
                if let Some(job) = jobs.get(which % jobs.len().max(1)) {
                    self.world.cancel(*job);
                }
            }
            Happens::Act { which, action } => {
                let jobs = self.jobs();
                if let Some(job) = jobs.get(which % jobs.len().max(1)) {
                    // Many an action is refused at this stage; what matters is what is then.
                    let _ = self.world.act(*job, action);
                }
            }
            Happens::Lose { node } => {
                if let Some(link) = self.links[node].take() {
                    self.world.event(Event::NodeGone { link });
                }
            }
            Happens::Back { node, with_steps } => self.back(node, with_steps),
            Happens::Node { node, state } => {
                let name = format!("n{}", node + 1);
                self.world.update_node(&name, &[("state", state), ("reason", "x")]).unwrap();
            }
            Happens::Pass { seconds } => self.world.pass(f64::from(seconds)),
        }
        self.check();
    }

    fn back(&mut self, node: usize, with_steps: bool) {
        if self.links[node].is_some() {
            return;
        }
        let name = format!("n{}", node + 1);
        let on_node = |key: &StepKey| {
            let step = &self.world.cluster.jobs[&key.job].run.steps[&key.step];
            step.live() && step.plan.nodes.iter().any(|plan| plan.name == name)
        };
        let steps = self.world.cluster.jobs.values().flat_map(|job| job.run.steps.values());
        let keys: Vec<StepKey> = steps.map(|step| step.key).filter(on_node).collect();
        let link = LinkId(self.next_link);
        self.next_link += 1;
        self.links[node] = Some(link);
        let keys = if with_steps { keys } else { Vec::new() };
        self.world.register(node as u64 + 1, link, CPUS[node], keys);
    }

    fn check(&mut self) {
        self.world.check_capacity();
        for (_, message) in std::mem::take(&mut self.world.told) {
            if let ToNode::Launch(launch) = message {
                *self.launches.entry(launch.key.job).or_default() += 1;
            }
        }
        for (id, launches) in &self.launches {
            let job = &self.world.cluster.jobs[id];
            assert!(*launches <= job.restarts + 1, "{id} was launched {launches} times");
        }
        for job in self.world.cluster.jobs.values().filter(|job| job.stage.holds()) {
            let leader = &self.world.cluster.jobs[&job.leader()];
            assert!(leader.stage.holds() || job.stage == Stage::Completing, "{} runs alone", job.id);
        }
        let kept: usize = self.world.cluster.jobs.values().map(|job| job.elements().len().max(1)).sum();
        assert_eq!(kept, self.submitted);
    }

    /// Everything is well again, and every script ends.
    fn settle(&mut self) {
        for node in 0..CPUS.len() {
            self.back(node, true);
            self.happens(&Happens::Node { node, state: "resume" });
        }
        // Each round ends what runs: in no round may nothing start while something waits.
        for _ in 0..self.submitted * 2 + 2 {
            self.world.pass(3.0);
            for job in self.jobs() {
                // Refused to those that are neither held nor suspended.
                let _ = self.world.act(job, Action::Release);
                let _ = self.world.act(job, Action::Resume);
            }
            for key in self.reachable() {
                self.world.exit(key.job.0, key.step, 0, 0);
            }
            self.check();
        }
        let states: Vec<String> = self.world.states();
        let open = self.world.cluster.open_jobs().count();
        assert_eq!(open, 0, "{states:#?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]
    #[test]
    fn nothing_is_lost_or_doubled(events in prop::collection::vec(happens(), 1..60)) {
        let mut play = Play::new();
        for event in &events {
            play.happens(event);
        }
        play.settle();
    }

    #[test]
    fn a_journal_and_an_image_give_the_same_cluster_again(events in prop::collection::vec(happens(), 1..40)) {
        let mut play = Play::new();
        for event in &events {
            play.happens(event);
        }
        let now = bytes(&play.world.cluster);
        let mut replayed = Cluster::new(config());
        for record in play.world.records {
            replay(&mut replayed, record);
        }
        prop_assert!(bytes(&replayed) == now, "replayed");
        let image: Image = decode(&now).unwrap();
        prop_assert!(bytes(&Cluster::restore(image)) == now, "restored");
    }
}
