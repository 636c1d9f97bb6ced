//! The event stream that tells a page of changes: `text/event-stream`, which a browser reads with `EventSource` and opens again
//! after every break.
//!
//! It carries no data but the version. What has changed is on the page, which the browser fetches if it has another version, so
//! that nothing is lost with a broken connection and no event has to be kept for it.

use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::unfold;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Response};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use tokio::time::timeout;

use crate::testing::loopback::response::Body;
use crate::testing::loopback::server::Service;
use crate::testing::partner_center::state::State;

/// Sends the version at once, after each change, and every 15 seconds, from which the page knows that the connection is alive.
///
/// The response ends with the emulator, or with the browser's connection. A browser tries again after a second.
pub(super) fn respond(service: &Service<State>) -> Response<Body> {
    let watcher = service.state().page.watch();
    let frames = unfold((watcher, true), |(mut watcher, is_first)| async move {
        let mut retry = "";
        if is_first {
            retry = "retry: 1000\n";
        } else if let Ok(Err(_)) = timeout(KEEP_ALIVE, watcher.changes.changed()).await {
            return None;
        }
        let text = format!("{retry}data: {}\n\n", watcher.version());
        Some((Ok(Frame::data(Bytes::from(text))), (watcher, false)))
    });
    let mut response = Response::new(StreamBody::new(frames).boxed_unsync());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Proxies close what is silent for a minute.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
