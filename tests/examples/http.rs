//! HTTP/1.1, as little of it as is needed, with every byte under control.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use partner_center_webhooks::testing::Callback;

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

/// Posts a callback to where callbacks belong.
pub(crate) fn post(address: SocketAddr, callback: &Callback) -> Answer {
    let length = format!("content-length: {}\r\n", callback.body.len());
    let mut request = head(callback, &length).into_bytes();
    request.extend_from_slice(&callback.body);
    send(address, &request)
}

/// The head of that request, with `framing` to say how long the body is.
pub(crate) fn head(callback: &Callback, framing: &str) -> String {
    let headers: String = callback
        .headers
        .iter()
        .map(|(name, value)| format!("{name}: {}\r\n", value.to_str().unwrap()))
        .collect();
    format!(
        "POST /webhooks/callback HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{headers}{framing}\r\n"
    )
}

/// Sends bytes, and reads what is answered until the connection ends.
pub(crate) fn send(address: SocketAddr, request: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(request).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    Answer {
        status: head.split(' ').nth(1).unwrap().parse().unwrap(),
        head: head.to_owned(),
        body: body.to_owned(),
    }
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
    let mut request = Vec::new();
    let mut byte = [0];
    while !request.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => request.push(byte[0]),
            _ => return,
        }
    }
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
