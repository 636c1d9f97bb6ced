//! A certificate host on loopback with scripted responses, a silent port, and receivers that fetch from them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use partner_center_webhooks::Receiver;
use partner_center_webhooks::http_client::ReqwestClient;
use partner_center_webhooks::receiver::ReceiverBuilder;
use partner_center_webhooks::source::{CertificateLocation, Download};
use partner_center_webhooks::testing::Signer;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::Clock;
use crate::support::chain;

/// The host's reaction to a request.
#[derive(Clone, Debug)]
enum Answer {
    Certificate(Vec<u8>),
    Error,
    Nothing,
}

/// Serves one certificate, an error, or nothing, and counts the requests.
#[derive(Clone, Debug)]
pub(super) struct Host {
    address: SocketAddr,
    response: watch::Sender<Answer>,
    requests: Arc<AtomicUsize>,
}

impl Host {
    pub(super) async fn serving(signer: &Signer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = Self {
            address: listener.local_addr().unwrap(),
            response: watch::Sender::new(Answer::Error),
            requests: Arc::default(),
        };
        host.serve(signer);
        let router = Router::new().route("/cert/{name}", get(reply));
        let router = router.with_state(host.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        host
    }

    pub(super) fn serve(&self, signer: &Signer) {
        self.respond_with(Answer::Certificate(signer.certificate().to_vec()));
    }

    /// From now on 500.
    pub(super) fn fail(&self) {
        self.respond_with(Answer::Error);
    }

    /// From now on it accepts requests, and responds to none until it is released.
    pub(super) fn hang(&self) {
        self.respond_with(Answer::Nothing);
    }

    fn respond_with(&self, response: Answer) {
        self.response.send_replace(response);
    }

    pub(super) fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }

    /// The same signer, whose callbacks name this host.
    pub(super) fn of(&self, signer: &Signer) -> Signer {
        let url = format!("http://{}/cert/pcnotifications.cer", self.address);
        signer.clone().with_certificate_url(url)
    }

    /// A receiver that downloads from this host with reqwest, without authorities.
    pub(super) fn receiver(&self, clock: &Clock) -> Receiver {
        self.builder(clock).build().unwrap()
    }

    pub(super) fn builder(&self, clock: &Clock) -> ReceiverBuilder {
        let location = CertificateLocation::none();
        let prefix = format!("http://{}/cert/", self.address);
        let location = location.danger_also_allow_loopback_http(&prefix).unwrap();
        let source = Download::new(ReqwestClient::new().unwrap());
        ReceiverBuilder::new(chain(), source).certificate_location(location).clock(clock.reader())
    }
}

async fn reply(State(host): State<Host>) -> Result<Vec<u8>, http::StatusCode> {
    host.requests.fetch_add(1, Ordering::SeqCst);
    let mut response = host.response.subscribe();
    let is_known = |response: &Answer| !matches!(response, Answer::Nothing);
    let response = response.wait_for(is_known).await.unwrap().clone();
    match response {
        Answer::Certificate(der) => Ok(der),
        Answer::Error | Answer::Nothing => Err(http::StatusCode::INTERNAL_SERVER_ERROR),
    }
}

/// A port that accepts connections and stays silent: port 80 behind a firewall.
pub(super) async fn silent_port() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            held.push(stream);
        }
    });
    address
}
