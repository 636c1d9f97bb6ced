//! The HTTP client over reqwest.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::{Request, Response};
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder};

use super::{BoxFuture, HttpClient, HttpClientError, Limits};

/// The [`HttpClient`] over [reqwest](https://docs.rs/reqwest), with rustls and the platform's trust store.
///
/// Follows no redirects, decompresses nothing, sends no referrer. Needs a tokio runtime around it, as reqwest
/// does.
#[derive(Clone, Debug)]
pub struct ReqwestClient(Client);

impl ReqwestClient {
    /// A client with reqwest's defaults.
    ///
    /// # Errors
    ///
    /// [`HttpClientError::Setup`] if TLS cannot be set up.
    pub fn new() -> Result<Self, HttpClientError> {
        Self::customized(|builder| builder)
    }

    /// A client that `customize` has set up: a proxy, a resolver, more roots for TLS.
    ///
    /// Whatever it does, redirects stay off.
    ///
    /// # Errors
    ///
    /// [`HttpClientError::Setup`] if reqwest refuses what `customize` asked for.
    pub fn customized(
        customize: impl FnOnce(ClientBuilder) -> ClientBuilder,
    ) -> Result<Self, HttpClientError> {
        customize(Client::builder())
            .redirect(Policy::none())
            .no_gzip()
            .no_brotli()
            .no_deflate()
            .no_zstd()
            .referer(false)
            .build()
            .map(Self)
            .map_err(|error| HttpClientError::Setup(Arc::new(error)))
    }
}

impl HttpClient for ReqwestClient {
    fn send(
        &self,
        request: Request<Bytes>,
        limits: Limits,
    ) -> BoxFuture<'_, Result<Response<Bytes>, HttpClientError>> {
        Box::pin(async move {
            let explain = |error: reqwest::Error| match error {
                error if error.is_timeout() => HttpClientError::Timeout {
                    deadline: limits.deadline,
                },
                error if error.is_connect() => {
                    HttpClientError::Connect(Arc::new(error.without_url()))
                }
                error => HttpClientError::Transport(Arc::new(error.without_url())),
            };
            let mut request = reqwest::Request::try_from(request).map_err(explain)?;
            *request.timeout_mut() = Some(limits.deadline);

            let mut answer = self.0.execute(request).await.map_err(explain)?;
            let mut body = BytesMut::new();
            while let Some(chunk) = answer.chunk().await.map_err(explain)? {
                if body.len().saturating_add(chunk.len()) > limits.max_body {
                    return Err(HttpClientError::BodyTooLong {
                        limit: limits.max_body,
                    });
                }
                body.extend_from_slice(&chunk);
            }

            let mut response = Response::new(body.freeze());
            *response.status_mut() = answer.status();
            *response.headers_mut() = answer.headers().clone();
            Ok(response)
        })
    }
}
