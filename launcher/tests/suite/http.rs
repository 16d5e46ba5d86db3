//! Plain HTTP, a question a connection.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::Value;

/// What came back: status, headers as they came, body.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn error(&self) -> String {
        self.json()["errors"][0]["description"].as_str().unwrap_or_default().to_owned()
    }
}

/// Asks a port of this machine with these headers.
pub(crate) fn ask_port(port: u16, what: &str, headers: &[&str], body: &str) -> Answer {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let host = format!("Host: 127.0.0.1:{port}");
    let named = headers.iter().any(|header| header.starts_with("Host: "));
    let headers = if named { headers.to_vec() } else { [&[host.as_str()], headers].concat() };
    exchange(&mut stream, what, &headers, body)
}

/// Asks over a connection, which is closed then.
pub(crate) fn exchange(stream: &mut (impl Read + Write), what: &str, headers: &[&str], body: &str) -> Answer {
    let (length, headers) = (body.len(), headers.join("\r\n"));
    let request = format!(
        "{what} HTTP/1.1\r\n{headers}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
    // A server that refuses early may have closed already.
    let _ = stream.write_all(request.as_bytes());
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?}"));
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head: head.to_lowercase(), body: body.to_owned() }
}
