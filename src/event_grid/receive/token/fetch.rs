//! One fetch of a tenant's keys.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, HeaderValue};
use http::{Request, Response, StatusCode, Uri};

use super::error::KeysError;
use super::jwks::KeySet;
use crate::api::Refusal;
use crate::crypto::Backend;
use crate::excerpt::Excerpt;
use crate::http_client::words::is_markup;
use crate::http_client::{HttpClient, HttpClientError, Limits};
use crate::mask::text::urls;
use crate::single_flight::{Interrupted, within};
use crate::spawn::Spawn;

/// The URL of the keys, and the means to fetch and parse them.
#[derive(Clone, Debug)]
pub(super) struct Source {
    url: Uri,
    backend: Arc<dyn Backend>,
    client: Arc<dyn HttpClient>,
    spawn: Arc<dyn Spawn>,
}

impl Source {
    pub(super) fn new(
        url: Uri,
        backend: Arc<dyn Backend>,
        client: Arc<dyn HttpClient>,
        spawn: Arc<dyn Spawn>,
    ) -> Self {
        Self { url, backend, client, spawn }
    }

    pub(super) fn on(mut self, spawn: Arc<dyn Spawn>) -> Self {
        self.spawn = spawn;
        self
    }

    pub(super) fn spawn(&self) -> &Arc<dyn Spawn> {
        &self.spawn
    }

    pub(super) fn excerpt(&self) -> Excerpt {
        Excerpt::of(self.url.to_string())
    }

    /// Fetches and parses the keys, within a deadline of our own: a client that ignores its deadline would delay every waiting
    /// delivery.
    pub(super) async fn fetch(self) -> Result<Arc<KeySet>, KeysError> {
        let about = self.excerpt();
        let spawn = Arc::clone(&self.spawn);
        let work = async move { self.request().await.map(Arc::new) };
        match within(&spawn, LIMITS.deadline, work).await {
            Ok(outcome) => outcome,
            Err(cause) => Err(interrupted(&about, cause)),
        }
    }

    async fn request(&self) -> Result<KeySet, KeysError> {
        let mut request = Request::new(Bytes::new());
        *request.uri_mut() = self.url.clone();
        let accept = HeaderValue::from_static("application/json");
        request.headers_mut().insert(ACCEPT, accept);
        match self.client.send(request, LIMITS).await {
            Ok(response) => self.read(&response),
            Err(error) => Err(connection(self.excerpt(), error)),
        }
    }

    fn read(&self, response: &Response<Bytes>) -> Result<KeySet, KeysError> {
        let (url, retry_after) = (self.excerpt(), Duration::ZERO);
        if response.body().len() > LIMITS.max_body {
            // The client should have stopped there.
            let limit = LIMITS.max_body;
            return Err(connection(url, HttpClientError::BodyTooLong { limit }));
        }
        if response.status() != StatusCode::OK {
            let status = response.status().as_u16();
            return Err(KeysError::Status {
                url,
                status,
                words: words(response.body()),
                retry_after,
            });
        }
        let set = KeySet::parse(response.body(), &self.backend);
        set.ok_or_else(|| KeysError::Unreadable { url, words: words(response.body()), retry_after })
    }
}

/// The text of a page or error response in place of keys.
fn words(body: &[u8]) -> Option<Box<str>> {
    let refusal = Refusal::of_body(body, &|text| urls(text).into_owned());
    let code = refusal.code.map(|code| format!("{code}: "));
    let is_refusal = code.is_some() || is_markup(body);
    let text = refusal.description.filter(|_| is_refusal)?;
    Some(format!("{}{text}", code.unwrap_or_default()).into())
}

/// The error of a fetch that stopped without a result.
pub(super) fn interrupted(url: &Excerpt, cause: Interrupted) -> KeysError {
    let url = url.clone();
    match cause {
        Interrupted::Panicked => KeysError::Panicked { url, retry_after: Duration::ZERO },
        Interrupted::Stopped => {
            let deadline = LIMITS.deadline;
            connection(url, HttpClientError::Timeout { deadline })
        }
    }
}

/// The wait is zero until the failure is recorded.
fn connection(url: Excerpt, error: HttpClientError) -> KeysError {
    KeysError::Connection { url, error, retry_after: Duration::ZERO }
}

/// Entra responds in less than a second; its key sets have about 10 KiB.
pub(super) const LIMITS: Limits = Limits::new(Duration::from_secs(5), 256 * 1024);
