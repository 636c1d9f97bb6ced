//! The receiver's side: an axum application, and a client that posts to it.

use std::error::Error;
use std::net::SocketAddr;

use axum::Router;
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use bytes::Bytes;
use partner_center_webhooks::axum::{Callback, Rejection};
use partner_center_webhooks::testing::SignedRequest;
use partner_center_webhooks::{ErrorKind, Received, Receiver};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// A listening application.
pub(crate) struct WebHook {
    url: String,
    client: reqwest::Client,
    handled: UnboundedReceiver<Handled>,
}

/// What the application made of a callback: its event, or the stage that refused it, and the reason.
pub(crate) type Handled = Result<Received<Bytes>, (ErrorKind, String)>;

/// What the sender saw, and what the application made of it.
pub(crate) struct Exchange {
    pub(crate) status: u16,
    pub(crate) handled: Handled,
}

impl WebHook {
    pub(crate) async fn open(receiver: Receiver) -> Result<Self, Box<dyn Error>> {
        let (log, handled) = unbounded_channel();
        // An application that does not need the refusals takes a plain `Callback(received): Callback`.
        let handler = async move |callback: Result<Callback, Rejection>| -> Response {
            let (handled, response) = match callback {
                Ok(Callback(received)) => (Ok(received), ().into_response()),
                Err(refused) => {
                    let reason = (refused.0.kind(), refused.0.to_string());
                    (Err(reason), refused.into_response())
                }
            };
            let _ = log.send(handled);
            response
        };
        let router = Router::new().route(PATH, post(handler)).with_state(receiver);

        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
        let url = format!("http://{}{PATH}", listener.local_addr()?);
        tokio::spawn(axum::serve(listener, router).into_future());
        Ok(Self { url, client: reqwest::Client::builder().no_proxy().build()?, handled })
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Posts a callback as Partner Center does.
    pub(crate) async fn post(
        &mut self,
        callback: &SignedRequest,
    ) -> Result<Exchange, Box<dyn Error>> {
        let request = self
            .client
            .post(&self.url)
            .headers(callback.headers.clone())
            .body(callback.body.clone());
        let status = request.send().await?.status().as_u16();
        let handled = self.handled.recv().await;
        Ok(Exchange { status, handled: handled.ok_or("the application has stopped")? })
    }
}

const PATH: &str = "/webhooks/callback";
