//! One event's way through the core: the time it happened at, and the outbox it fills.

use std::collections::BTreeSet;

use prun_runtime::ids::JobId;
use prun_runtime::wire::launch::Secret;
use prun_runtime::wire::node::ToNode;

use super::event::{Asker, Effect, LinkId};
use crate::controller::api::Reply;

/// What rooms of the core work with while an event is handled.
pub(super) struct Turn<'a> {
    /// Unix seconds.
    pub(super) now: f64,
    /// The outbox.
    pub(super) effects: Vec<Effect>,
    /// Jobs that are not as their watchers saw them last.
    pub(super) changed: BTreeSet<JobId>,
    /// Whether something happened that may let a job start.
    pub(super) schedule: bool,
    secrets: &'a mut dyn FnMut() -> Secret,
}

impl<'a> Turn<'a> {
    pub(super) fn new(now: f64, secrets: &'a mut dyn FnMut() -> Secret) -> Self {
        Self { now, effects: Vec::new(), changed: BTreeSet::new(), schedule: false, secrets }
    }

    pub(super) fn answer(&mut self, asker: Asker, reply: Reply) {
        self.effects.push(asker.answer(reply));
    }

    pub(super) fn tell(&mut self, link: LinkId, message: ToNode) {
        self.effects.push(Effect::Tell { link, message });
    }

    /// A secret that was never given before.
    pub(super) fn secret(&mut self) -> Secret {
        (self.secrets)()
    }
}
