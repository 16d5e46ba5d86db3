//! The link to a rank server: orders come, news go.

use std::rc::Rc;

use super::step::Step;
use crate::server::control::{Receiver, Sender};
use crate::wire::frame::FrameError;
use crate::wire::stepd::ToStepd;

/// Serves a rank server until its link breaks, or until the step is over and all of that is told.
pub(super) async fn serve(step: Rc<Step>, (to_server, from_server): (Sender, Receiver)) {
    tokio::select! {
        // However it ends, this rank server is gone: nobody is left to be told why.
        _ = hear(&step, from_server) => {}
        _ = tell(&step, &to_server) => {}
    }
}

async fn tell(step: &Step, to_server: &Sender) -> Result<(), FrameError> {
    loop {
        while let Some(news) = step.next_news() {
            to_server.send(&news, None).await?;
        }
        if step.is_left() {
            return Ok(());
        }
        step.has_news().await;
    }
}

async fn hear(step: &Rc<Step>, mut from_server: Receiver) -> Result<(), FrameError> {
    while let Some(message) = from_server.receive().await? {
        match message {
            // A step process starts exactly one step.
            ToStepd::Launch(_) => {}
            ToStepd::Adopt { target } => {
                if let Some(socket) = from_server.descriptor() {
                    step.adopt(target, socket);
                }
            }
            ToStepd::Signal { signal } => step.signal(signal),
            ToStepd::Terminate { at_once, notice } => step.end_by_order(at_once, notice),
            ToStepd::Kept => step.kept(),
        }
    }
    Ok(())
}
