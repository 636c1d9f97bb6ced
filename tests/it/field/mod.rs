//! Inputs from public reports of partners, over real HTTP.

mod absence;
mod causes;
mod secrets;
mod storage;
mod waits;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use partner_center_webhooks::Receiver;
use partner_center_webhooks::api::RetryPolicy;
use partner_center_webhooks::cloud::{Cloud, CloudProfile};
use partner_center_webhooks::event::EventName;
use partner_center_webhooks::event_grid::manage::ManagementClient;
use partner_center_webhooks::http_client::ReqwestClient;
use partner_center_webhooks::receiver::ReceiverBuilder;
use partner_center_webhooks::registration::{Registration, RegistrationClient};
use partner_center_webhooks::resources::ResourceClient;
use partner_center_webhooks::source::{CertificateLocation, Download};
use partner_center_webhooks::testing::Signer;
use partner_center_webhooks::token::AccessToken;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{ISSUER, NOW, chain};

/// A peer on loopback that sends one message after the other, each on its own connection, and repeats the last one.
#[derive(Clone)]
pub(crate) struct Peer {
    pub(crate) base: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Peer {
    pub(crate) async fn saying<S: Into<String>>(messages: impl IntoIterator<Item = S>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let mut messages: VecDeque<String> = messages.into_iter().map(Into::into).collect();
        let requests: Arc<Mutex<Vec<String>>> = Arc::default();
        let seen = Arc::clone(&requests);
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let request = read(&mut stream).await;
                seen.lock().unwrap().push(request);
                let message = match messages.len() {
                    1 => messages[0].clone(),
                    _ => messages.pop_front().unwrap(),
                };
                stream.write_all(message.as_bytes()).await.unwrap();
                stream.shutdown().await.unwrap();
            }
        });
        Self { base, requests }
    }

    /// The first lines of the requests so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        let requests = self.requests.lock().unwrap();
        requests.iter().map(|it| it.lines().next().unwrap_or_default().to_owned()).collect()
    }

    pub(crate) fn cloud(&self) -> Cloud {
        let mut profile = CloudProfile::new(&self.base, &self.base);
        profile.danger_plain_http_on_loopback = true;
        profile.management_base.clone_from(&self.base);
        profile.graph_base.clone_from(&self.base);
        profile.referrals_base.clone_from(&self.base);
        Cloud::Custom(profile)
    }

    pub(crate) fn registration(&self) -> RegistrationClient {
        RegistrationClient::new(&self.cloud(), http(), token()).unwrap().with_retries(quick())
    }

    pub(crate) fn resources(&self) -> ResourceClient {
        ResourceClient::new(&self.cloud(), http(), token()).unwrap().with_retries(quick())
    }

    pub(crate) fn management(&self) -> ManagementClient {
        ManagementClient::new(&self.cloud(), http(), token()).unwrap().with_retries(quick())
    }
}

/// Reads a request to its end.
async fn read(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                let is_length = name.eq_ignore_ascii_case("content-length");
                is_length.then(|| value.trim().parse().unwrap())
            });
            if body.len() >= length.unwrap_or(0) {
                return text;
            }
        }
        let mut piece = [0; 4096];
        match stream.read(&mut piece).await.unwrap() {
            0 => return text,
            read => bytes.extend_from_slice(&piece[..read]),
        }
    }
}

/// A response with these headers, each with its line end, and this body.
pub(crate) fn response(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
}

pub(crate) fn json(status: &str, body: &str) -> String {
    response(status, "content-type: application/json; charset=utf-8\r\n", body)
}

pub(crate) fn http() -> ReqwestClient {
    ReqwestClient::new().unwrap()
}

pub(crate) fn token() -> AccessToken {
    AccessToken::new("an-access-token").unwrap()
}

pub(crate) fn quick() -> RetryPolicy {
    RetryPolicy::default().with_first_delay(std::time::Duration::from_millis(1)).with_max_retries(2)
}

pub(crate) fn wanted() -> Registration {
    Registration::new("https://contoso.example/callback", [EventName::TestCreated]).unwrap()
}

/// A receiver that fetches certificates under `base`, and a signer with a certificate there.
pub(crate) fn fetching_from(base: &str) -> (Receiver, Signer) {
    let prefix = format!("{base}/cert/");
    let location = CertificateLocation::none().danger_also_allow_loopback_http(&prefix).unwrap();
    let receiver = ReceiverBuilder::new(chain(), Download::new(http()))
        .certificate_location(location)
        .clock(|| NOW)
        .build()
        .unwrap();
    let signer = ISSUER.signer().unwrap();
    (receiver, signer.with_certificate_url(format!("{prefix}a.cer")))
}
