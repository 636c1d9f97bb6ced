//! HTTP/1.1, as little of it as is needed, with every byte under control.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use partner_center_webhooks::testing::SignedRequest;

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: String,
}

impl Answer {
    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().skip(1);
        let mut pairs = lines.filter_map(|line| line.split_once(": "));
        let (_, value) = pairs.find(|(found, _)| found.eq_ignore_ascii_case(name))?;
        Some(value)
    }
}

/// The head of a callback, with `framing` to say how long the body is.
pub(crate) fn head(callback: &SignedRequest, framing: &str) -> String {
    let headers: String = callback
        .headers
        .iter()
        .map(|(name, value)| format!("{name}: {}\r\n", value.to_str().unwrap()))
        .collect();
    format!(
        "POST /webhooks/callback HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{headers}{framing}\r\n"
    )
}

/// Sends bytes, and reads the answer. The server need not end the connection: of a body that it refuses, more may come.
pub(crate) fn send(address: SocketAddr, request: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(request).unwrap();
    let head = String::from_utf8(head_of(&mut stream).unwrap()).unwrap();
    let mut answer = Answer {
        status: head.split(' ').nth(1).unwrap().parse().unwrap(),
        head,
        body: String::new(),
    };
    // An answer such as 204 has none.
    let length = answer.header("content-length").unwrap_or("0");
    let length = length.parse().unwrap();
    let body = stream.take(length).read_to_string(&mut answer.body);
    assert_eq!(u64::try_from(body.unwrap()), Ok(length));
    answer
}

/// Reads up to the empty line; nothing if the connection ends before.
fn head_of(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => return None,
        }
    }
    Some(head)
}

const PATIENCE: Duration = Duration::from_secs(30);
