//! Certificates over HTTP.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING};
use http::{HeaderValue, Request, StatusCode};

use super::CertificateSource;
use super::bundle::CertificateBundle;
use super::error::SourceError;
use super::refusal::StatusRefusal;
use super::url::CertificateUrl;
use crate::http_client::{BoxFuture, HttpClient, HttpClientError, Limits};
use crate::mask::Excerpt;

/// The [`CertificateSource`] that downloads.
///
/// One GET without redirects or compression; the response must have status 200 and keep within [`Download::LIMITS`] by
/// default.
#[derive(Clone, Debug)]
pub struct Download {
    client: Arc<dyn HttpClient>,
    limits: Limits,
}

impl Download {
    /// 5 seconds and 64 KiB. The longest real certificate seen has 6.4 kB; a bundle of five of them fills half of the limit.
    pub const LIMITS: Limits = Limits::new(Duration::from_secs(5), 64 * 1024);

    /// Downloads through `client`.
    pub fn new(client: impl HttpClient + 'static) -> Self {
        Self::over(Arc::new(client))
    }

    /// Downloads through a shared client.
    pub fn over(client: Arc<dyn HttpClient>) -> Self {
        Self { client, limits: Self::LIMITS }
    }

    /// Sets the limits.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }
}

impl CertificateSource for Download {
    fn fetch<'a>(
        &'a self,
        url: &'a CertificateUrl<'a>,
    ) -> BoxFuture<'a, Result<CertificateBundle, SourceError>> {
        Box::pin(async move {
            let body = get(&*self.client, url.as_str(), self.limits).await?;
            CertificateBundle::from_bytes(&body).map_err(|error| SourceError::NotACertificate {
                url: Excerpt::of_url(url.as_str()),
                error,
            })
        })
    }
}

/// One GET without redirects or compression; the response must have status 200 and keep within `limits`.
pub(super) async fn get(
    client: &dyn HttpClient,
    url: &str,
    limits: Limits,
) -> Result<Bytes, SourceError> {
    let about = || Excerpt::of_url(url);
    let failed = |error| SourceError::Http { url: about(), error };
    let mut request = Request::new(Bytes::new());
    *request.uri_mut() =
        url.parse().map_err(|error| failed(HttpClientError::Transport(Arc::new(error))))?;
    let headers = request.headers_mut();
    headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));

    let response = client.send(request, limits).await.map_err(failed)?;
    if response.status() != StatusCode::OK {
        let refusal = StatusRefusal::read(url, &response);
        return Err(SourceError::Status(Box::new(refusal)));
    }
    match response.headers().get(CONTENT_ENCODING) {
        Some(encoding) if !encoding.as_bytes().eq_ignore_ascii_case(b"identity") => {
            return Err(SourceError::Encoded {
                url: about(),
                found: Excerpt::of(encoding.as_bytes()),
            });
        }
        _ => {}
    }
    match response.body().len() > limits.max_body {
        true => Err(failed(HttpClientError::BodyTooLong { limit: limits.max_body })),
        false => Ok(response.into_body()),
    }
}
