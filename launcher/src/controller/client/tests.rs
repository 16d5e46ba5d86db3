use std::os::unix::net::UnixListener;
use std::time::Duration;

use prun_runtime::wire::frame::{read_message, write_message};
use prun_runtime::wire::preamble::Preamble;

use super::patience::Patience;
use super::*;
use crate::controller::api::Answer;

const WAIT: Duration = Duration::from_millis(50);

/// A controller that reads and answers as it is told to: the ids of the calls that it got, until its client is gone.
fn controller(
    path: &Path,
    answers: impl Fn(&Call) -> bool + Send + 'static,
) -> std::thread::JoinHandle<Vec<u64>> {
    let listener = UnixListener::bind(path).unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _: Preamble = read_message(&mut stream).unwrap();
        let mut ids = Vec::new();
        while let Ok(call) = read_message::<Call>(&mut stream) {
            ids.push(call.id);
            if answers(&call) {
                write_message(&mut stream, &Answer { id: call.id, reply: Reply::Done }).unwrap();
            }
        }
        ids
    })
}

#[test]
fn a_controller_that_says_nothing_is_asked_once_and_then_given_up() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("socket");
    let controller = controller(&path, |_| false);
    let mut client = Client::with(&Address::Unix(path.clone()), Patience::new(WAIT)).unwrap();
    assert!(matches!(client.call(Request::Nodes), Err(ClientError::Silent { .. })));
    drop(client);
    assert_eq!(controller.join().unwrap(), [1, PING]);
}

#[test]
fn one_that_is_there_is_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("socket");
    // It answers the question whether it is there four times, and then the call.
    let pings = std::sync::atomic::AtomicU32::new(0);
    let listener = UnixListener::bind(&path).unwrap();
    let controller = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _: Preamble = read_message(&mut stream).unwrap();
        while let Ok(call) = read_message::<Call>(&mut stream) {
            let pinged = pings.fetch_add(u32::from(call.id == PING), std::sync::atomic::Ordering::Relaxed);
            if call.id == PING {
                write_message(&mut stream, &Answer { id: PING, reply: Reply::Done }).unwrap();
            }
            if pinged == 3 {
                write_message(&mut stream, &Answer { id: 1, reply: Reply::Done }).unwrap();
            }
        }
    });
    let mut client = Client::with(&Address::Unix(path.clone()), Patience::new(WAIT)).unwrap();
    assert!(matches!(client.call(Request::Nodes), Ok(Reply::Done)));
    drop(client);
    controller.join().unwrap();
}

#[tokio::test]
async fn launchers_are_as_patient() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("socket");
    let controller = controller(&path, |call| call.id == 1);
    let mut client = AsyncClient::with(&Address::Unix(path.clone()), Patience::new(WAIT)).await.unwrap();
    assert!(matches!(client.call(Request::Nodes).await, Ok(Reply::Done)));
    client.send(Request::Nodes).await.unwrap();
    // Whoever looks elsewhere meanwhile does not make it live longer.
    let silent = loop {
        tokio::select! {
            reply = client.next() => break reply,
            () = tokio::time::sleep(WAIT / 5) => {}
        }
    };
    assert!(matches!(silent, Err(ClientError::Silent { .. })));
    drop(client);
    assert_eq!(controller.join().unwrap(), [1, 2, PING]);
}

#[test]
fn every_error_says_what_to_do() {
    let connect = |path: &str| ClientError::Connect {
        address: Address::Unix(path.into()),
        source: io::Error::from(io::ErrorKind::ConnectionRefused),
    };
    assert!(connect("/c/controller/socket").help().starts_with("start it with `prun up --dir /c`"));
    assert!(connect("/tmp/prun-1/socket").help().starts_with("the rank server of this job"));
    assert!(ClientError::NoController.help().starts_with("start a cluster with `eval \"$(prun up)\"`"));
    let silent = ClientError::Silent { address: Address::Unix("/c/controller/socket".into()) };
    assert!(
        silent.help().contains("`prun status --dir /c`") && silent.help().contains("`/c/controller/log`")
    );
    assert_eq!(silent.in_slurms_words(), "Socket timed out on send/recv operation");
}
