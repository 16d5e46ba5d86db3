//! What has happened goes to the journal before anybody hears of it.
//!
//! When it cannot be written, most likely since the disk is full, what was not kept has not happened: the core goes
//! back to what it was. Clients whose calls would change something are refused, those that only ask are served, and
//! what cannot be refused (a rank server's reports, links that break) is put off until there is room again. What
//! runs goes on meanwhile, and nothing is lost.

use std::collections::VecDeque;
use std::error::Error;
use std::path::Path;
use std::time::Duration;

use prun_runtime::limits::POSTPONED_EVENTS_MAX;

use super::owner::Owner;
use crate::controller::api::{Answer, ErrorCode, Refusal, Reply};
use crate::controller::core::Cluster;
use crate::controller::core::event::{Effect, Event};
use crate::controller::core::watch::Audience;
use crate::controller::journal::{Journal, JournalError, Record};

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
pub(super) struct Keeper {
    /// `None`: the cluster is in memory only.
    journal: Option<Journal>,
    /// Events since the last writing.
    batch: Vec<Happened>,
    /// Who waited to be told something before them.
    audience: Option<Audience>,
    stall: Option<Stall>,
}

/// The journal cannot be written.
#[derive(Debug)]
struct Stall {
    /// Why, for those who are refused.
    why: String,
    /// What has happened meanwhile, and when.
    put_off: VecDeque<(f64, Event)>,
}

impl Keeper {
    pub(super) fn new(journal: Option<Journal>, cluster: &Cluster) -> Self {
        let audience = journal.is_some().then(|| cluster.audience());
        Self { journal, batch: Vec::new(), audience, stall: None }
    }

    #[cfg(test)]
    pub(super) fn journal(&self) -> &Journal {
        self.journal.as_ref().unwrap()
    }

    /// Whether events are to be remembered until they are written.
    pub(super) fn wants_events(&self) -> bool {
        self.journal.is_some()
    }

    pub(super) fn add(&mut self, happened: Option<Happened>) {
        self.batch.extend(happened);
    }

    pub(super) fn is_stalled(&self) -> bool {
        self.stall.is_some()
    }

    /// The journal's trouble, for a user.
    fn why(&self, error: &JournalError) -> String {
        let path = self.journal.as_ref().map_or(Path::new("journal"), Journal::path);
        // What lies deeper only says the same with its number.
        match error.source() {
            Some(cause) => format!("cannot write `{}`: {cause}", path.display()),
            None => format!("cannot write `{}`: {error}", path.display()),
        }
    }

    /// Whether one more event can be put off.
    pub(super) fn has_room(&self) -> bool {
        self.stall.as_ref().is_none_or(|stall| stall.put_off.len() < POSTPONED_EVENTS_MAX)
    }
}

/// When it is time to look whether there is room again; never where nothing is put off.
pub(super) async fn retry(stalled: bool) {
    if stalled {
        tokio::time::sleep(RETRY).await;
    } else {
        std::future::pending().await
    }
}

impl Owner {
    /// Keeps what has happened, then does what it wants done: also what that leads to.
    pub(super) async fn let_out(&mut self) {
        while !self.keeper.batch.is_empty() || !self.effects.is_empty() {
            let batch = std::mem::take(&mut self.keeper.batch);
            let effects = std::mem::take(&mut self.effects);
            match self.keep(batch).await {
                Ok(()) => {
                    effects.into_iter().for_each(|effect| self.act(effect));
                    if self.keeper.journal.is_some() {
                        self.keeper.audience = Some(self.cluster.audience());
                    }
                }
                Err((error, batch)) => self.go_back(&error, batch, &effects),
            }
        }
    }

    /// Writes events to the journal, and now and then the image that takes the place of all of them.
    async fn keep(&mut self, batch: Vec<Happened>) -> Result<(), (JournalError, Vec<Happened>)> {
        if !batch.iter().any(|happened| happened.changes) {
            return Ok(());
        }
        let Some(mut journal) = self.keeper.journal.take() else { return Ok(()) };
        let image = journal.is_long().then(|| self.cluster.image());
        let written = tokio::task::spawn_blocking(move || {
            let records = batch.iter().filter(|happened| happened.changes).map(|happened| &happened.record);
            let result = journal.append(records);
            if let (Ok(()), Some(image)) = (&result, image)
                && let Err(error) = journal.compact(&image)
            {
                // The events are kept all the same.
                tracing::warn!(error = &error as &dyn Error, "no image of the cluster could be written");
                journal.put_off();
            }
            (journal, result, batch)
        });
        // An error here: the runtime is going down, and with it this task.
        let Ok((journal, result, batch)) = written.await else { return Ok(()) };
        self.keeper.journal = Some(journal);
        result.map_err(|error| (error, batch))
    }

    /// What was not kept has not happened.
    fn go_back(&mut self, error: &JournalError, batch: Vec<Happened>, effects: &[Effect]) {
        tracing::error!(error = error as &dyn Error, "the journal cannot be written");
        let kept = self.keeper.journal.as_ref().map(Journal::reload);
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
        let has_room = |_: &mut Stall| journal.is_some_and(Journal::has_room);
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
