//! Who is at the other end of a Unix socket.

use tokio::net::UnixStream;

use crate::controller::core::event::Peer;

/// The user whom the system names; where it names none, nobody.
pub(super) fn of(stream: &UnixStream) -> Peer {
    const NOBODY: u32 = 65_534;
    let uid = stream.peer_cred().map_or(NOBODY, |credentials| credentials.uid());
    Peer { uid, user: name(uid) }
}

/// The name that the system's table of users has for an id, or the id.
fn name(uid: u32) -> String {
    let table = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let entry = table.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    });
    entry.unwrap_or_else(|| uid.to_string())
}
