//! What goes wrong between a client and Partner Center.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use http::header::{LOCATION, RETRY_AFTER};
use http::{Method, Response, StatusCode};

use super::answer::{ErrorBody, header};

/// What happens to one request.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Fault {
    /// The request is processed, and its answer's body cut in the middle; HTTP notices nothing.
    CutJson,
    /// The connection is closed without an answer; nothing was processed.
    Drop,
    /// The request is processed, and the connection closed without an answer.
    DropAfter,
    /// 307 to somewhere else, which keeps method and body; nothing was processed.
    Redirect {
        /// Where to.
        location: String,
    },
    /// The request is processed at once and answered after so long.
    Slow(Duration),
    /// This answer; nothing was processed. See [`ErrorBody::answer`].
    Status(Response<Bytes>),
    /// 429 as of the API's gateway; nothing was processed.
    Throttle {
        /// The header `Retry-After`: seconds, or a date of HTTP. None: no such header.
        retry_after: Option<String>,
    },
    /// The request is processed, and the connection closed in the middle of the answer's body, which had announced more.
    Truncated,
}

impl Fault {
    /// An error of this status and body; nothing was processed.
    pub fn status(status: u16, body: &ErrorBody) -> Self {
        Self::Status(body.answer(status))
    }

    /// The answer, if this is a fault that has one without the request being processed.
    pub(in crate::testing) fn answer(&self) -> Option<Response<Bytes>> {
        match self {
            Self::Redirect { location } => {
                let mut answer = ErrorBody::Empty.answer(StatusCode::TEMPORARY_REDIRECT.as_u16());
                answer.headers_mut().insert(LOCATION, header(location));
                Some(answer)
            }
            Self::Status(answer) => Some(answer.clone()),
            Self::Throttle { retry_after } => Some(throttled(retry_after.as_deref())),
            Self::CutJson | Self::Drop | Self::DropAfter | Self::Slow(_) | Self::Truncated => None,
        }
    }
}

/// 429 in the words of the API's gateway, with the wait of the header if there is one.
pub(in crate::testing) fn throttled(retry_after: Option<&str>) -> Response<Bytes> {
    let seconds = retry_after.and_then(|text| text.parse().ok());
    let mut answer = match seconds {
        Some(seconds) => ErrorBody::Throttled { seconds }.answer(429),
        None => ErrorBody::web_api("Rate limit is exceeded.").answer(429),
    };
    if let Some(retry_after) = retry_after {
        answer
            .headers_mut()
            .insert(RETRY_AFTER, header(retry_after));
    }
    answer
}

/// The faults that are still to happen, in order.
#[derive(Debug, Default)]
pub(in crate::testing) struct Faults {
    any: VecDeque<Fault>,
    chosen: Vec<Chosen>,
}

/// A fault of some requests only.
#[derive(Debug)]
struct Chosen {
    method: Method,
    prefix: String,
    fault: Fault,
}

impl Faults {
    pub(in crate::testing) fn push(&mut self, fault: Fault) {
        self.any.push_back(fault);
    }

    pub(in crate::testing) fn push_on(&mut self, method: Method, prefix: String, fault: Fault) {
        self.chosen.push(Chosen {
            method,
            prefix,
            fault,
        });
    }

    pub(in crate::testing) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(in crate::testing) fn len(&self) -> usize {
        self.any.len().saturating_add(self.chosen.len())
    }

    /// The fault of this request: the first that was chosen for it, or else the first for any.
    pub(in crate::testing) fn next(&mut self, method: &Method, path: &str) -> Option<Fault> {
        let chosen = self
            .chosen
            .iter()
            .position(|chosen| chosen.method == method && path.starts_with(&chosen.prefix));
        match chosen {
            Some(at) => Some(self.chosen.remove(at).fault),
            None => self.any.pop_front(),
        }
    }
}
