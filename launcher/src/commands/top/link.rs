//! The controller: pictures of the cluster as they come, and requests one after the other.

use prun_runtime::net::address::Address;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::TopError;
use crate::controller::api::{Reply, Request};
use crate::controller::client::{AsyncClient, ClientError};
use crate::view::top::state::Event;
use crate::view::top::verb::Verb;

/// Requests that wait for their turn: more than anybody types while one is answered.
const REQUESTS_MAX: usize = 16;

/// A link that brings pictures, and one for requests.
pub(super) struct Link {
    title: String,
    requests: mpsc::Sender<(Verb, Request)>,
    events: mpsc::Sender<Event>,
    pictures: JoinHandle<TopError>,
    answers: JoinHandle<()>,
}

impl Link {
    /// Connects to a controller; what it tells goes to `events`.
    pub(super) async fn open(controller: Address, events: mpsc::Sender<Event>) -> Result<Self, ClientError> {
        let mut client = AsyncClient::connect_to(&controller).await?;
        let title = title(&mut client, &controller).await?;
        let (requests, waiting) = mpsc::channel(REQUESTS_MAX);
        let pictures = tokio::spawn(watch(client, events.clone()));
        let answers = tokio::spawn(serve(controller, waiting, events.clone()));
        Ok(Self { title, requests, events, pictures, answers })
    }

    /// What the cluster is called, and where its controller is.
    pub(super) fn title(&self) -> String {
        self.title.clone()
    }

    /// Asks; the answer comes as an event.
    pub(super) fn ask(&self, verb: Verb, request: Request) {
        if let Err(error) = self.requests.try_send((verb, request)) {
            let (verb, _) = error.into_inner();
            let refused = Event::Answered(verb, Err("the controller has not answered yet".to_owned()));
            // With no room for this either, so much is on its way that the user sees it.
            let _ = self.events.try_send(refused);
        }
    }

    /// Waits until no more pictures come, and says why. Cancelling it loses nothing.
    pub(super) async fn lost(&mut self) -> TopError {
        (&mut self.pictures).await.unwrap_or(TopError::NotTold)
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.pictures.abort();
        self.answers.abort();
    }
}

async fn title(client: &mut AsyncClient, controller: &Address) -> Result<String, ClientError> {
    let name = match client.call(Request::Config).await? {
        Reply::Config(pairs) => pairs.into_iter().find(|(key, _)| key == "ClusterName").map(|(_, name)| name),
        _ => None,
    };
    Ok(name.unwrap_or_else(|| controller.to_string()))
}

/// Asks for the next picture once the last one has been taken in.
async fn watch(mut client: AsyncClient, events: mpsc::Sender<Event>) -> TopError {
    let mut seen = None;
    loop {
        match client.call(Request::WatchCluster { seen }).await {
            Ok(Reply::Cluster(picture)) => {
                seen = Some(picture.seen);
                if events.send(Event::Picture(picture)).await.is_err() {
                    // Nobody looks any more.
                    return TopError::NotTold;
                }
            }
            Ok(_) => return TopError::NotTold,
            Err(error) => return error.into(),
        }
    }
}

/// Serves requests over a link of their own, so that they need not wait for the cluster to change.
async fn serve(
    controller: Address,
    mut waiting: mpsc::Receiver<(Verb, Request)>,
    events: mpsc::Sender<Event>,
) {
    while let Some((verb, request)) = waiting.recv().await {
        let answer = match AsyncClient::connect_to(&controller).await {
            Ok(mut client) => client.call(request).await,
            Err(error) => Err(error),
        };
        let answer = answer.map_err(|error| error.to_string());
        if events.send(Event::Answered(verb, answer)).await.is_err() {
            return;
        }
    }
}
