//! The one output that the screen shows.

use std::path::PathBuf;

use prun_runtime::net::address::Address;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use crate::commands::follow::{FollowError, Following};
use crate::view::top::state::{Event, Source};

/// Follows one output at a time.
pub(super) struct Follower {
    controller: Address,
    events: mpsc::Sender<Event>,
    task: Option<AbortHandle>,
}

impl Follower {
    pub(super) fn new(controller: Address, events: mpsc::Sender<Event>) -> Self {
        Self { controller, events, task: None }
    }

    /// Follows this output from now on; what comes of it goes to the events.
    pub(super) fn follow(&mut self, source: Source) {
        self.stop();
        let (controller, events) = (self.controller.clone(), self.events.clone());
        let task = tokio::spawn(async move {
            let followed = show(controller, source, &events).await;
            let why = followed.map_or_else(|error| error.chain(), |()| "ended".to_owned());
            // Nobody looks any more: nobody is told.
            let _ = events.send(Event::OutputOver(why)).await;
        });
        self.task = Some(task.abort_handle());
    }

    /// Follows none any more.
    pub(super) fn stop(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
        }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.stop();
    }
}

async fn show(controller: Address, source: Source, events: &mpsc::Sender<Event>) -> Result<(), FollowError> {
    let mut output = match source {
        Source::File(path) => Following::file(PathBuf::from(path))?,
        Source::Step(key) => Following::step(&controller, key, None).await?,
    };
    while let Some(bytes) = output.next().await? {
        if events.send(Event::Output(bytes)).await.is_err() {
            break;
        }
    }
    Ok(())
}
