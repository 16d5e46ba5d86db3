//! Keys and values of one message.

use super::frame::Dialect;

/// `cmd=NAME` and the pairs behind it, as bytes of the message that they borrow from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Pairs<'a> {
    /// What `cmd` (or `mcmd`) says; empty where it is missing.
    pub(super) command: &'a [u8],
    pairs: Vec<(&'a [u8], &'a [u8])>,
}

/// Keys of version 1 that come last: their values may hold anything, and go to the end of the line.
const REST: [&[u8]; 2] = [b"value", b"message"];

impl<'a> Pairs<'a> {
    /// Reads a whole message. Anything is readable: what is not understood is missing from the pairs.
    pub(super) fn read(dialect: Dialect, message: &'a [u8]) -> Self {
        let mut pairs = Self::default();
        match dialect {
            Dialect::V1 if message.starts_with(b"mcmd=") => {
                message.split(|&b| b == b'\n').for_each(|line| pairs.add(line));
            }
            Dialect::V1 => pairs.read_line(message.strip_suffix(b"\n").unwrap_or(message)),
            Dialect::V2 => pairs.read_counted(message),
        }
        pairs
    }

    /// The value of a key; the first where there are several.
    pub(super) fn get(&self, key: &str) -> Option<&'a [u8]> {
        self.pairs.iter().find(|(known, _)| *known == key.as_bytes()).map(|(_, value)| *value)
    }

    /// The value of a key as a number.
    pub(super) fn number<T: std::str::FromStr>(&self, key: &str) -> Option<T> {
        std::str::from_utf8(self.get(key)?).ok()?.trim().parse().ok()
    }

    fn read_line(&mut self, line: &'a [u8]) {
        let mut rest = line.trim_ascii_start();
        while !rest.is_empty() {
            let end = if REST.contains(&key_of(rest)) { rest.len() } else { word_end(rest) };
            self.add(&rest[..end]);
            rest = rest[end..].trim_ascii_start();
        }
    }

    /// `;` ends a value; a doubled one belongs to it (Slurm's and older MPICH's clients), and stays doubled, since the
    /// reader of the answer undoes that.
    fn read_counted(&mut self, message: &'a [u8]) {
        let mut rest = message;
        while !rest.is_empty() {
            let mut end = 0;
            while end < rest.len() && (rest[end] != b';' || rest.get(end + 1) == Some(&b';')) {
                end += if rest[end] == b';' { 2 } else { 1 };
            }
            self.add(&rest[..end]);
            rest = rest.get(end + 1..).unwrap_or_default();
        }
    }

    fn add(&mut self, pair: &'a [u8]) {
        let key = key_of(pair);
        let value = pair.get(key.len() + 1..).unwrap_or_default();
        match key {
            b"" => {}
            b"cmd" | b"mcmd" => self.command = value.trim_ascii(),
            _ => self.pairs.push((key, value)),
        }
    }
}

fn key_of(text: &[u8]) -> &[u8] {
    let end = text.iter().position(|&b| b == b'=' || b == b' ').unwrap_or(text.len());
    &text[..end]
}

/// Where a value ends: at a space that no `\` stands before. The `\` stays, as the reader of the answer undoes it.
fn word_end(text: &[u8]) -> usize {
    let mut at = 0;
    while at < text.len() && text[at] != b' ' {
        at += if text[at] == b'\\' { 2 } else { 1 };
    }
    at.min(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_its_pairs_and_value_takes_the_rest() {
        let pairs = Pairs::read(Dialect::V1, b"cmd=put kvsname=k_1 key=bc\\ 0 value=a b=c;d #$\n");
        assert_eq!(pairs.command, b"put");
        assert_eq!(pairs.get("key"), Some(&b"bc\\ 0"[..]));
        assert_eq!(pairs.get("value"), Some(&b"a b=c;d #$"[..]));
        assert_eq!(pairs.get("kvsname"), Some(&b"k_1"[..]));
        assert_eq!(pairs.get("other"), None);
    }

    #[test]
    fn a_message_of_several_lines_has_one_pair_a_line() {
        let pairs = Pairs::read(Dialect::V1, b"mcmd=spawn\nnprocs=2\nexecname=/bin/a b\nendcmd\n");
        assert_eq!((pairs.command, pairs.number("nprocs")), (&b"spawn"[..], Some(2)));
        assert_eq!(pairs.get("execname"), Some(&b"/bin/a b"[..]));
    }

    #[test]
    fn a_counted_message_keeps_doubled_semicolons_in_values() {
        let pairs = Pairs::read(Dialect::V2, b"cmd=kvs-put;key=a;value=x;;y z;;;thrid=7;");
        assert_eq!(pairs.command, b"kvs-put");
        assert_eq!(pairs.get("value"), Some(&b"x;;y z;;"[..]));
        assert_eq!(pairs.get("thrid"), Some(&b"7"[..]));
    }

    #[test]
    fn odd_messages_have_what_can_be_read_of_them() {
        assert_eq!(Pairs::read(Dialect::V1, b"\n"), Pairs::default());
        assert_eq!(Pairs::read(Dialect::V1, b"nonsense = \\\n").command, b"");
        assert_eq!(Pairs::read(Dialect::V2, b";;;=;").command, b"");
        assert_eq!(Pairs::read(Dialect::V1, b"cmd=get key").get("key"), Some(&b""[..]));
    }
}
