//! Who is at the other end of a link.

use crate::controller::core::event::Peer;

/// The user of this number.
pub(super) fn of(uid: u32) -> Peer {
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
