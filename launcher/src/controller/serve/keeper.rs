//! What has happened goes to the journal before anybody hears of it.
//!
//! When it cannot be written, most likely since the disk is full, what was not kept has not happened: the core goes
//! back to what it was. Clients whose calls would change something are refused, those that only ask are served, and
//! what cannot be refused (a rank server's reports, links that break) is put off until there is room again. What
//! runs goes on meanwhile, and nothing is lost.

use std::collections::VecDeque;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Duration;

use prun_runtime::limits::POSTPONED_EVENTS_MAX;

use super::owner::Owner;
use crate::controller::api::{Answer, ErrorCode, Refusal, Reply};
use crate::controller::core::Cluster;
use crate::controller::core::event::{Asker, Effect, Event};
use crate::controller::core::image::Image;
use crate::controller::core::watch::Audience;
use crate::controller::journal::{Journal, JournalError, Record, Store};

/// Pause between looks whether there is room again: nobody tells when somebody removes a file.
const RETRY: Duration = Duration::from_secs(1);

/// An event that went through the core.
#[derive(Debug)]
pub(super) struct Happened {
    pub(super) record: Record,
    /// It changes the state; else it is asked again where the state has to go back.
    pub(super) changes: bool,
}

/// The journal, and what is on its way to it.
#[derive(Debug)]
pub(super) struct Keeper<S = Journal> {
    /// `None`: the cluster is in memory only; or the journal is being written just now.
    journal: Option<S>,
    /// There is a journal.
    keeps: bool,
    /// Events since the last writing.
    batch: Vec<Happened>,
    /// Who waited to be told something before them.
    audience: Option<Audience>,
    stall: Option<Stall>,
    /// Backups that are asked for.
    backups: Vec<(Asker, PathBuf)>,
}

/// The journal cannot be written.
#[derive(Debug)]
struct Stall {
    /// Why, for those who are refused.
    why: String,
    /// What has happened meanwhile, and when.
    put_off: VecDeque<(f64, Event)>,
}

/// Events on their way to the disk.
#[derive(Debug)]
pub(super) struct Writing<S> {
    journal: S,
    batch: Vec<Happened>,
    image: Option<Image>,
    effects: Vec<Effect>,
    backups: Vec<(Asker, PathBuf)>,
}

/// What became of them.
#[derive(Debug)]
pub(super) struct Written<S> {
    writing: Writing<S>,
    result: Result<(), JournalError>,
    backups: Vec<(Asker, Result<(), JournalError>)>,
}

impl<S: Store> Writing<S> {
    /// Writes events to the journal, and now and then the image that takes the place of all of them. Blocks on the disk.
    pub(super) fn write(mut self) -> Written<S> {
        let back_up = |(asker, path): (Asker, PathBuf)| (asker, self.journal.back_up(&path));
        let backups = std::mem::take(&mut self.backups).into_iter().map(back_up).collect();
        let changes = self.batch.iter().filter(|happened| happened.changes);
        let result = self.journal.append(changes.map(|happened| &happened.record));
        if let (Ok(()), Some(image)) = (&result, self.image.take())
            && let Err(error) = self.journal.compact(&image)
        {
            // The events are kept all the same.
            tracing::warn!(error = &error as &dyn Error, "no image of the cluster could be written");
            self.journal.put_off();
        }
        Written { writing: self, result, backups }
    }
}

impl<S: Store> Keeper<S> {
    pub(super) fn new(journal: Option<S>, cluster: &Cluster) -> Self {
        let keeps = journal.is_some();
        let audience = keeps.then(|| cluster.audience());
        Self { journal, keeps, batch: Vec::new(), audience, stall: None, backups: Vec::new() }
    }

    #[cfg(test)]
    pub(super) fn journal(&self) -> &S {
        self.journal.as_ref().unwrap()
    }

    /// Whether events are to be remembered until they are written.
    pub(super) fn wants_events(&self) -> bool {
        self.keeps
    }

    pub(super) fn add(&mut self, happened: Option<Happened>) {
        self.batch.extend(happened);
    }

    pub(super) fn is_stalled(&self) -> bool {
        self.stall.is_some()
    }

    /// The journal's trouble, for a user.
    fn why(&self, error: &JournalError) -> String {
        let path = self.journal.as_ref().map_or(Path::new("journal"), Store::path);
        // What lies deeper only says the same with its number.
        match error.source() {
            Some(cause) => format!("cannot write `{}`: {cause}", path.display()),
            None => format!("cannot write `{}`: {error}", path.display()),
        }
    }

    /// A copy is made once all that led to the wish for it is kept.
    pub(super) fn back_up(&mut self, asker: Asker, path: String) {
        self.backups.push((asker, path.into()));
    }

    /// Whether one more event can be put off.
    pub(super) fn has_room(&self) -> bool {
        self.stall.as_ref().is_none_or(|stall| stall.put_off.len() < POSTPONED_EVENTS_MAX)
    }
}

/// An error with its causes, for a user.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    text
}

/// When it is time to look whether there is room again; never where nothing is put off.
pub(super) async fn retry(stalled: bool) {
    if stalled {
        tokio::time::sleep(RETRY).await;
    } else {
        std::future::pending().await
    }
}

impl<S: Store> Owner<S> {
    /// Keeps what has happened, then does what it wants done: also what that leads to.
    pub(super) async fn let_out(&mut self) {
        while let Some(writing) = self.begin_writing() {
            // An error here: the runtime is going down, and with it this task.
            let Ok(written) = tokio::task::spawn_blocking(|| writing.write()).await else { return };
            self.written(written);
        }
    }

    /// What is to be kept now. Effects of what need not be kept are let out at once.
    pub(super) fn begin_writing(&mut self) -> Option<Writing<S>> {
        while !self.keeper.batch.is_empty() || !self.effects.is_empty() || !self.keeper.backups.is_empty() {
            let batch = std::mem::take(&mut self.keeper.batch);
            let effects = std::mem::take(&mut self.effects);
            let backups = std::mem::take(&mut self.keeper.backups);
            if (batch.iter().any(|happened| happened.changes) || !backups.is_empty())
                && let Some(journal) = self.keeper.journal.take()
            {
                let image = journal.is_long().then(|| self.cluster.image());
                return Some(Writing { journal, batch, image, effects, backups });
            }
            for (asker, _) in backups {
                let detail = vec!["this controller keeps no journal".to_owned()];
                let reply = Reply::Error(Refusal { code: ErrorCode::Journal, detail });
                self.answer(asker.client, Answer { id: asker.call, reply });
            }
            self.act_all(effects);
        }
        None
    }

    /// Events are on the disk, or could not be brought there.
    pub(super) fn written(&mut self, Written { writing, result, backups }: Written<S>) {
        let Writing { journal, batch, effects, .. } = writing;
        self.keeper.journal = Some(journal);
        for (asker, made) in backups {
            let refusal =
                |error: JournalError| Refusal { code: ErrorCode::Journal, detail: vec![chain(&error)] };
            let reply = made.map_or_else(|error| Reply::Error(refusal(error)), |()| Reply::Done);
            self.answer(asker.client, Answer { id: asker.call, reply });
        }
        match result {
            Ok(()) => self.act_all(effects),
            Err(error) => self.go_back(&error, batch, &effects),
        }
    }

    fn act_all(&mut self, effects: Vec<Effect>) {
        effects.into_iter().for_each(|effect| self.act(effect));
        if self.keeper.keeps {
            self.keeper.audience = Some(self.cluster.audience());
        }
    }

    /// What was not kept has not happened.
    fn go_back(&mut self, error: &JournalError, batch: Vec<Happened>, effects: &[Effect]) {
        tracing::error!(error = error as &dyn Error, "the journal cannot be written");
        let kept = self.keeper.journal.as_ref().map(Store::reload);
        self.cluster = match (kept, self.keeper.audience.clone()) {
            (Some(Ok(cluster)), Some(audience)) => cluster.before(audience),
            (Some(Err(error)), _) => return self.give_up(&error, effects),
            // Without a journal nothing fails to be kept.
            _ => return,
        };
        let why = self.keeper.why(error);
        self.keeper.stall.get_or_insert(Stall { why, put_off: VecDeque::new() });
        for Happened { record, changes } in batch {
            if changes {
                self.put_off(record.now, record.event);
            } else {
                self.apply(record.now, record.event);
            }
        }
    }

    /// An event for which there is no room: clients are refused, the rest waits.
    pub(super) fn put_off(&mut self, now: f64, event: Event) {
        let Some(stall) = &mut self.keeper.stall else { return };
        match event {
            Event::Call { client, call, .. } => {
                let detail = vec![stall.why.clone()];
                let reply = Reply::Error(Refusal { code: ErrorCode::Journal, detail });
                self.answer(client, Answer { id: call.id, reply });
            }
            event => stall.put_off.push_back((now, event)),
        }
    }

    /// If there is room again: what was put off happens now, with the time it has.
    pub(super) fn go_on(&mut self) {
        let journal = self.keeper.journal.as_ref();
        let has_room = |_: &mut Stall| journal.is_some_and(Store::has_room);
        let Some(stall) = self.keeper.stall.take_if(has_room) else { return };
        tracing::info!("the journal can be written again");
        for (now, event) in stall.put_off {
            self.apply(now, event);
        }
    }

    /// The journal cannot even be read: nothing of this is let out, and the controller ends. The next one goes on with
    /// what was kept.
    fn give_up(&mut self, error: &JournalError, effects: &[Effect]) {
        tracing::error!(error = error as &dyn Error, "the controller ends");
        self.stopped = true;
        for effect in effects {
            if let Effect::Answer { client, answer } = effect {
                let detail = vec![self.keeper.why(error)];
                let reply = Reply::Error(Refusal { code: ErrorCode::Journal, detail });
                self.answer(*client, Answer { id: answer.id, reply });
            }
        }
    }
}
