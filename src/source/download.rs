//! Certificates over HTTP.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING};
use http::{HeaderValue, Request, StatusCode};

use super::{
    BoxFuture, CertificateBundle, CertificateSource, CertificateUrl, SourceError, StatusRefusal,
};
use crate::excerpt::Excerpt;
use crate::http_client::{HttpClient, HttpClientError, Limits};

/// The [`CertificateSource`] that downloads.
///
/// One GET, no redirects, no compression, an answer of status 200, by default within [`Download::LIMITS`].
#[derive(Clone, Debug)]
pub struct Download {
    client: Arc<dyn HttpClient>,
    limits: Limits,
}

impl Download {
    /// 5 seconds and 64 KiB. The longest real certificate seen has 6.4 kB; a bundle of five such is half of it.
    pub const LIMITS: Limits = Limits::new(Duration::from_secs(5), 64 * 1024);

    /// Downloads through `client`.
    pub fn new(client: impl HttpClient + 'static) -> Self {
        Self::over(Arc::new(client))
    }

    /// Downloads through a client that others use too.
    pub fn over(client: Arc<dyn HttpClient>) -> Self {
        Self {
            client,
            limits: Self::LIMITS,
        }
    }

    /// Within other limits.
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

/// One GET: no redirects, no compression, an answer of status 200 within `limits`.
pub(super) async fn get(
    client: &dyn HttpClient,
    url: &str,
    limits: Limits,
) -> Result<Bytes, SourceError> {
    let about = || Excerpt::of_url(url);
    let failed = |error| SourceError::Http {
        url: about(),
        error,
    };
    let mut request = Request::new(Bytes::new());
    *request.uri_mut() = url
        .parse()
        .map_err(|error| failed(HttpClientError::Transport(Arc::new(error))))?;
    let headers = request.headers_mut();
    headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));

    let answer = client.send(request, limits).await.map_err(failed)?;
    if answer.status() != StatusCode::OK {
        let refusal = StatusRefusal::read(url, &answer);
        return Err(SourceError::Status(Box::new(refusal)));
    }
    match answer.headers().get(CONTENT_ENCODING) {
        Some(encoding) if !encoding.as_bytes().eq_ignore_ascii_case(b"identity") => {
            return Err(SourceError::Encoded {
                url: about(),
                found: Excerpt::of(encoding.as_bytes()),
            });
        }
        _ => {}
    }
    match answer.body().len() > limits.max_body {
        true => Err(failed(HttpClientError::BodyTooLong {
            limit: limits.max_body,
        })),
        false => Ok(answer.into_body()),
    }
}
