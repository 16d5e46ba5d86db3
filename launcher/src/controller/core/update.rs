//! `scontrol update jobid=…` (`scontrol(1)`, specifications for update command, jobs).
//!
//! Most keys are options of `sbatch` under another name: their values are read by the option's own row.

use prun_runtime::ids::JobId;

use super::Cluster;
use super::deadline::Look;
use super::event::Peer;
use super::job::{Hold, Job};
use super::lifecycle::Stage;
use super::turn::Turn;
use crate::controller::api::{ErrorCode, JobRef, Refusal};
use crate::script::begin;
use crate::script::options::{Command, Request, Row, rows};
use crate::script::spec::{JobSpec, Sharing};

/// When a key may be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    /// Until the job starts.
    Pending,
    /// Until it ends.
    Open,
}

/// Keys that are options: the key, the option, when, and what Slurm calls a value that is wrong.
const OPTIONS: &[(&str, &str, When, ErrorCode)] = &[
    ("account", "account", When::Pending, ErrorCode::InvalidAccount),
    ("comment", "comment", When::Open, ErrorCode::InvalidUpdate),
    ("cpuspertask", "cpus-per-task", When::Pending, ErrorCode::CpuCount),
    ("cpus/task", "cpus-per-task", When::Pending, ErrorCode::CpuCount),
    ("dependency", "dependency", When::Pending, ErrorCode::Dependency),
    ("excnodelist", "exclude", When::Pending, ErrorCode::InvalidNodeName),
    ("extra", "extra", When::Open, ErrorCode::InvalidUpdate),
    ("features", "constraint", When::Pending, ErrorCode::InvalidFeature),
    ("gres", "gres", When::Pending, ErrorCode::InvalidGres),
    ("jobname", "job-name", When::Open, ErrorCode::InvalidUpdate),
    ("licenses", "licenses", When::Pending, ErrorCode::InvalidLicenses),
    ("mailtype", "mail-type", When::Open, ErrorCode::InvalidUpdate),
    ("mailuser", "mail-user", When::Open, ErrorCode::InvalidUpdate),
    ("mincpusnode", "mincpus", When::Pending, ErrorCode::CpuCount),
    ("minmemorycpu", "mem-per-cpu", When::Pending, ErrorCode::InvalidTaskMemory),
    ("minmemorynode", "mem", When::Pending, ErrorCode::InvalidTaskMemory),
    ("mintmpdisknode", "tmp", When::Pending, ErrorCode::InvalidUpdate),
    ("name", "job-name", When::Open, ErrorCode::InvalidUpdate),
    ("nice", "nice", When::Open, ErrorCode::InvalidUpdate),
    ("nodelist", "nodelist", When::Pending, ErrorCode::InvalidNodeName),
    ("numnodes", "nodes", When::Pending, ErrorCode::NodeCount),
    ("numtasks", "ntasks", When::Pending, ErrorCode::InvalidTaskCount),
    ("partition", "partition", When::Pending, ErrorCode::InvalidPartition),
    ("prefer", "prefer", When::Pending, ErrorCode::InvalidPrefer),
    ("qos", "qos", When::Open, ErrorCode::InvalidQos),
    ("reqnodelist", "nodelist", When::Pending, ErrorCode::InvalidNodeName),
    ("reqnodes", "nodes", When::Pending, ErrorCode::NodeCount),
    ("reservationname", "reservation", When::Pending, ErrorCode::InvalidReservation),
    ("stderr", "error", When::Pending, ErrorCode::InvalidUpdate),
    ("stdin", "input", When::Pending, ErrorCode::InvalidUpdate),
    ("stdout", "output", When::Pending, ErrorCode::InvalidUpdate),
    ("switches", "switches", When::Pending, ErrorCode::InvalidUpdate),
    ("timemin", "time-min", When::Pending, ErrorCode::InvalidTimeLimit),
    ("wckey", "wckey", When::Pending, ErrorCode::InvalidUpdate),
    ("workdir", "chdir", When::Pending, ErrorCode::InvalidUpdate),
];

impl Cluster {
    /// All of the changes or, for each job, none.
    pub(super) fn update_job(
        &mut self,
        turn: &mut Turn<'_>,
        peer: &Peer,
        named: &JobRef,
        changes: &[(String, String)],
    ) -> Result<(), Refusal> {
        let ids = self.resolve(named)?;
        for id in ids {
            let job = self.jobs.get(&id).ok_or(ErrorCode::InvalidJobId)?;
            let mut changed = job.clone();
            for (key, value) in changes {
                self.change(&mut changed, peer, turn.now, key, value)?;
            }
            self.recheck(job, &mut changed)?;
            self.jobs.insert(id, changed);
            self.after_update(turn, id);
        }
        Ok(())
    }

    fn after_update(&mut self, turn: &mut Turn<'_>, id: JobId) {
        let Some(job) = self.jobs.get(&id) else { return };
        let times = [Some(job.begins()), job.spec.deadline.map(|deadline| deadline as f64)];
        times.into_iter().flatten().for_each(|at| self.deadlines.add(at, Look::Job(id)));
        self.drop_met(id, turn.now);
        self.rekey(id);
        self.watch_limit(id);
        turn.changed.insert(id);
        turn.schedule = true;
    }

    fn change(&self, job: &mut Job, peer: &Peer, now: f64, key: &str, value: &str) -> Result<(), Refusal> {
        allow(When::Open, job.stage)?;
        let pending = || allow(When::Pending, job.stage);
        let number = || value.parse::<u32>().map_err(|_| Refusal::from(ErrorCode::InvalidUpdate));
        match key {
            "timelimit" => return self.change_limit(job, now, value),
            "endtime" => return self.change_end(job, now, value),
            "requeue" => job.spec.requeue = Some(number()? != 0),
            "starttime" | "eligibletime" => {
                pending()?;
                job.spec.begin = Some(self.time(value, now)?);
            }
            "deadline" => job.spec.deadline = Some(self.time(value, now)?),
            "priority" => change_priority(job, peer, number()?)?,
            "arraytaskthrottle" => {
                let limit = Some(number()?).filter(|limit| *limit > 0);
                // What is no array has nothing to hold back.
                if let Some(array) = &mut job.array {
                    array.limit = limit;
                }
            }
            "numcpus" => {
                pending()?;
                job.spec.ntasks = Some(number()?.div_ceil(job.spec.cpus_per_task.unwrap_or(1)).max(1));
            }
            "contiguous" => {
                pending()?;
                job.spec.contiguous = yes(value)?;
            }
            "oversubscribe" | "shared" => {
                pending()?;
                job.spec.sharing = Some(if yes(value)? { Sharing::Shared } else { Sharing::Exclusive });
            }
            "reboot" => {
                pending()?;
                job.spec.reboot = yes(value)?;
            }
            "admincomment" => job.spec.admin_comment = Some(value.to_owned()),
            "burstbuffer" => return Err(ErrorCode::NotSupported.into()),
            // There is no factor of the site in priorities here.
            "sitefactor" => {}
            _ => return change_option(job, key, value),
        }
        Ok(())
    }

    /// The limit that ends a running job at a time.
    fn change_end(&self, job: &mut Job, now: f64, value: &str) -> Result<(), Refusal> {
        let start = job.run.start_time.ok_or(ErrorCode::JobPending)?;
        let end = self.time(value, now)? as f64;
        let minutes = ((end - start - job.suspended_until(now)) / 60.0).ceil().max(1.0);
        job.spec.time_limit = Some(Some(minutes as u32));
        Ok(())
    }

    /// A limit, or `+` and `-` minutes to the one that is.
    fn change_limit(&self, job: &mut Job, now: f64, value: &str) -> Result<(), Refusal> {
        let old = self.limit_of(job);
        let (sign, text) = match value.as_bytes().first() {
            Some(b'+') => (1, &value[1..]),
            Some(b'-') if value.len() > 1 && value != "-1" => (-1, &value[1..]),
            _ => (0, value),
        };
        let asked = crate::script::time::parse_limit(text).ok_or(ErrorCode::InvalidTimeLimit)?;
        let limit = match (sign, old, asked) {
            (0, _, asked) => asked,
            (_, Some(old), Some(step)) => {
                let minutes = i64::from(old) + sign * i64::from(step);
                Some(u32::try_from(minutes.max(1)).map_err(|_| ErrorCode::InvalidTimeLimit)?)
            }
            // There is nothing to add to.
            (_, None, _) => None,
            _ => return Err(ErrorCode::InvalidTimeLimit.into()),
        };
        job.spec.time_limit = Some(limit);
        // What has run longer already ends now, not in the past.
        job.run.warned &= self.limit_end(job).is_none_or(|end| end <= now);
        Ok(())
    }

    /// A point in time as a user writes it, in Unix seconds.
    fn time(&self, value: &str, now: f64) -> Result<i64, Refusal> {
        let timestamp = jiff::Timestamp::from_second(now as i64).map_err(|_| ErrorCode::InvalidUpdate)?;
        let clock = timestamp.to_zoned_datetime(self.config.time_zone.clone());
        Ok(begin::parse(value, &clock).map_err(|_| ErrorCode::InvalidUpdate)?)
    }

    /// What a submission would be refused for, an update is.
    fn recheck(&self, old: &Job, changed: &mut Job) -> Result<(), Refusal> {
        if changed.stage != Stage::Pending {
            return Ok(());
        }
        if changed.spec.partition != old.spec.partition {
            let partitions = self.partitions_for(&changed.spec.partition);
            changed.partitions = partitions.map_err(|refusal| refusal.code)?;
        }
        self.check_devices(&changed.spec)?;
        self.check_nodes(&changed.spec.nodelist)?;
        self.check_features(&changed.spec)?;
        self.check_names(&changed.spec)?;
        if changed.spec.nice != old.spec.nice {
            let priority = i64::from(old.priority) + i64::from(old.spec.nice) - i64::from(changed.spec.nice);
            changed.priority = u32::try_from(priority.clamp(1, i64::from(u32::MAX - 1))).unwrap_or(1);
        }
        if changed.spec.dependency != old.spec.dependency {
            let conditions =
                changed.spec.dependency.as_ref().map(|d| d.conditions.clone()).unwrap_or_default();
            if !conditions.iter().all(|condition| self.knows(condition)) {
                return Err(ErrorCode::Dependency.into());
            }
            let own = |job: JobId| job == changed.id || job == changed.array_or_id();
            if conditions.iter().any(|condition| own(JobId(condition.job))) {
                return Err(ErrorCode::Dependency.into());
            }
            if self.is_circular(changed.array_or_id(), &conditions) {
                return Err(ErrorCode::CircularDependency.into());
            }
            changed.waits = conditions;
        }
        // A held job is looked at when it is released.
        if changed.hold.is_some() {
            return Ok(());
        }
        if needs_place(&changed.spec) != needs_place(&old.spec) || changed.partitions != old.partitions {
            self.check_fit(&changed.spec, &changed.partitions)?;
        }
        Ok(())
    }
}

/// The part of a request that decides where it fits.
fn needs_place(spec: &JobSpec) -> impl PartialEq {
    let spec = spec.clone();
    (
        (spec.nodes, spec.ntasks, spec.ntasks_per_node, spec.cpus_per_task, spec.min_cpus),
        (spec.memory, spec.tmp_mb, spec.nodelist, spec.exclude, spec.constraint),
        (spec.contiguous, spec.sharing, spec.gres),
    )
}

fn allow(when: When, stage: Stage) -> Result<(), ErrorCode> {
    match (when, stage) {
        (_, Stage::Pending) | (When::Open, Stage::Running | Stage::Suspended) => Ok(()),
        (When::Pending, Stage::Running | Stage::Suspended) => Err(ErrorCode::NotPending),
        (_, Stage::Completing | Stage::Ended) => Err(ErrorCode::JobFinished),
    }
}

/// 0 holds a job; only a release gives it a priority again.
fn change_priority(job: &mut Job, peer: &Peer, priority: u32) -> Result<(), ErrorCode> {
    match (job.stage, priority) {
        (Stage::Pending, 0) => {
            let hold = *job.hold.get_or_insert(Hold::by(peer.uid));
            job.reason = hold.reason();
        }
        (Stage::Pending, _) if job.hold.is_some() => return Err(ErrorCode::JobHeld),
        (_, 0) => job.hold = Some(Hold::by(peer.uid)),
        (_, priority) => job.priority = priority,
    }
    Ok(())
}

/// `yes`, `no`, or a number.
fn yes(value: &str) -> Result<bool, ErrorCode> {
    match value.to_ascii_lowercase().as_str() {
        "yes" | "y" => Ok(true),
        "no" | "n" => Ok(false),
        number => number.parse::<u32>().map(|number| number != 0).map_err(|_| ErrorCode::InvalidUpdate),
    }
}

/// A key that is an option of `sbatch`.
fn change_option(job: &mut Job, key: &str, value: &str) -> Result<(), Refusal> {
    let row = OPTIONS.iter().find(|(known, ..)| *known == key);
    let Some((_, option, when, code)) = row else { return Err(Refusal::unknown_change(key, value)) };
    allow(*when, job.stage)?;
    let row: Option<&Row> = rows().find(|row| row.long == *option && row.is_for(Command::Sbatch));
    let Some(row) = row else { return Err(Refusal::unknown_change(key, value)) };
    let mut request = Request { job: job.spec.clone(), ..Request::default() };
    (row.apply)(&mut request, value).map_err(|_| Refusal::from(*code))?;
    if request.refused.is_some() {
        return Err((*code).into());
    }
    if *option == "chdir" {
        let dir = request.flags.chdir.filter(|dir| dir.starts_with('/')).ok_or(*code)?;
        request.job.work_dir = serde_bytes::ByteBuf::from(dir.into_bytes());
    }
    job.spec = request.job;
    Ok(())
}
