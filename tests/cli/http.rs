//! HTTP/1.1, as little of it as is needed, with every byte under control.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
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
        let mut pairs = lines.filter_map(|line| line.split_once(':'));
        let (_, value) = pairs.find(|(found, _)| found.eq_ignore_ascii_case(name))?;
        Some(value.trim())
    }
}

/// Posts a callback to where callbacks belong.
pub(crate) fn post(address: SocketAddr, callback: &SignedRequest) -> Answer {
    let length = format!("content-length: {}\r\n", callback.body.len());
    let mut request = head(callback, &length).into_bytes();
    request.extend_from_slice(&callback.body);
    send(address, &request)
}

/// The head of that request, with `framing` to say how long the body is.
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

/// Answers every GET with what `file` gives for its path, or with 404. Gives the URL of its root.
pub(crate) fn serve(file: impl Fn(&str) -> Option<Vec<u8>> + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let file = Arc::new(file);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let file = Arc::clone(&file);
            thread::spawn(move || answer(stream.unwrap(), &*file));
        }
    });
    format!("http://{address}/")
}

fn answer(mut stream: TcpStream, file: &dyn Fn(&str) -> Option<Vec<u8>>) {
    let Some(request) = head_of(&mut stream) else {
        return;
    };
    let request = String::from_utf8(request).unwrap();
    let (status, body) = match file(request.split(' ').nth(1).unwrap()) {
        Some(body) => ("200 OK", body),
        None => ("404 Not Found", Vec::new()),
    };
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
    let _ = stream.write_all(&[head.as_bytes(), &body].concat());
}

const PATIENCE: Duration = Duration::from_secs(30);
