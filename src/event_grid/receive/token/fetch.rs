//! One fetch of a tenant's keys.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, HeaderValue};
use http::{Request, Response, Uri};

use super::error::TokenRefusal;
use super::jwks::KeySet;
use crate::api::Refusal;
use crate::crypto::Backend;
use crate::http_client::words::is_markup;
use crate::http_client::{HttpClient, HttpClientError, Limits};
use crate::mask::Excerpt;
use crate::mask::text::urls;
use crate::spawn::Spawn;
use crate::spawn::single_flight::{Interrupted, within};

/// The URL of the keys, and the means to fetch and parse them. The URL is built from settings: no token can name another.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) url: Uri,
    pub(super) backend: Arc<dyn Backend>,
    pub(super) client: Arc<dyn HttpClient>,
    pub(super) spawn: Arc<dyn Spawn>,
}

impl Source {
    pub(super) fn excerpt(&self) -> Excerpt {
        Excerpt::of(self.url.to_string())
    }

    /// Fetches and parses the keys, within a deadline of our own: a client that ignores its deadline would delay every waiting
    /// delivery.
    pub(super) async fn fetch(self) -> Result<Arc<KeySet>, TokenRefusal> {
        let about = self.excerpt();
        let spawn = Arc::clone(&self.spawn);
        let work = async move { self.request().await.map(Arc::new) };
        match within(&spawn, LIMITS.deadline, work).await {
            Ok(outcome) => outcome,
            Err(cause) => Err(interrupted(&about, cause)),
        }
    }

    async fn request(&self) -> Result<KeySet, TokenRefusal> {
        let mut request = Request::new(Bytes::new());
        *request.uri_mut() = self.url.clone();
        let accept = HeaderValue::from_static("application/json");
        request.headers_mut().insert(ACCEPT, accept);
        match self.client.send(request, LIMITS).await {
            Ok(response) => self.read(&response),
            Err(error) => Err(unreachable(&self.excerpt(), &error)),
        }
    }

    fn read(&self, response: &Response<Bytes>) -> Result<KeySet, TokenRefusal> {
        let url = self.excerpt();
        let (status, body) = (response.status().as_u16(), response.body());
        if body.len() > LIMITS.max_body {
            // The client should have stopped there.
            let limit = LIMITS.max_body;
            return Err(unreachable(&url, &HttpClientError::BodyTooLong { limit }));
        }
        if status != 200 {
            let words = words(body);
            return Err(unavailable(format!(
                "`{url}` returned {status}{words} (expected 200 with keys; redirects are not followed)"
            )));
        }
        KeySet::parse(body, &self.backend).ok_or_else(|| {
            let words = words(body);
            unavailable(format!(
                "the response of `{url}` has no signing key (expected a JSON object whose `keys` include an RSA key for \
                 signatures){words}"
            ))
        })
    }
}

/// A colon, and the text of a page or error response in place of keys; empty if there is none.
fn words(body: &[u8]) -> String {
    let refusal = Refusal::of_body(body, &|text| urls(text).into_owned());
    let code = refusal.code.map(|code| format!("{code}: "));
    let is_refusal = code.is_some() || is_markup(body);
    let text = refusal.description.filter(|_| is_refusal);
    text.map_or_else(String::new, |text| format!(": {}{text}", code.unwrap_or_default()))
}

/// The error of a fetch that stopped without a result.
pub(super) fn interrupted(url: &Excerpt, cause: Interrupted) -> TokenRefusal {
    match cause {
        Interrupted::Panicked => unavailable(format!(
            "the fetch of the keys at `{url}` panicked (expected an HTTP client and a cryptographic backend that return \
             their errors)"
        )),
        Interrupted::Stopped => {
            let deadline = LIMITS.deadline;
            unreachable(url, &HttpClientError::Timeout { deadline })
        }
    }
}

fn unreachable(url: &Excerpt, error: &HttpClientError) -> TokenRefusal {
    unavailable(format!("the keys at `{url}` could not be fetched: {error}"))
}

/// The wait is zero until the failure is recorded.
fn unavailable(reason: String) -> TokenRefusal {
    TokenRefusal::Keys { reason: reason.into(), retry_after: Duration::ZERO }
}

/// Entra responds in less than a second; its key sets have about 10 KiB.
pub(super) const LIMITS: Limits = Limits::new(Duration::from_secs(5), 256 * 1024);
