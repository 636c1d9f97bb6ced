//! `event-grid receive`: a webhook for what Event Grid delivers.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use partner_center_webhooks::cloud::{Cloud, CloudProfile};
use partner_center_webhooks::crypto::DefaultBackend;
use partner_center_webhooks::event_grid::receive::{
    EntraTokens, ExpectedToken, Notification, WebhookReceiver,
};
use partner_center_webhooks::http_client::ReqwestClient;
use tokio::time::timeout;
use tracing::{error, warn};

use super::line::Line;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::options::files;
use crate::output::{note, write_line};
use crate::serve::{announce, bind, empty, serve_with};
use crate::signals::Stop;

/// Receives what Azure Event Grid delivers at /events, and writes each event to standard output as one JSON line
#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub(crate) struct GridReceiveOptions {
    /// Where to listen. Put a proxy with TLS in front: Event Grid calls https only
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Require a token of this tenant, as in the Microsoft Entra settings of the event subscription
    #[arg(long, value_name = "ID")]
    tenant: Option<String>,
    /// The audience of the token: the id of an application, or its application id URI
    #[arg(long, value_name = "ID", requires = "tenant")]
    audience: Vec<String>,
    /// The role in the token, instead of `AzureEventGridSecureWebhookSubscriber`
    #[arg(long, value_name = "NAME", requires = "tenant")]
    role: Option<String>,
    /// A file with a secret to require in the query, as in https://contoso.example/events?code=…; several while it is replaced
    #[arg(long, value_name = "FILE")]
    query_secret_file: Vec<PathBuf>,
    /// Consent to validations for this topic only
    #[arg(long, value_name = "ID")]
    topic: Vec<String>,
    /// Consent to validations for this event subscription only
    #[arg(long, value_name = "NAME")]
    subscription: Vec<String>,
    /// The authority that issues tokens, instead of Microsoft Entra: plain http on loopback, for tests
    #[arg(long, value_name = "URL")]
    danger_authority: Option<String>,
    /// Write the URL of deliveries to this file once it is reachable
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
}

const HELP: &str = "\
Standard output is one JSON line per event, written before the response 204. What is neither a CloudEvent nor of Event Grid's \
schema has the schema `unrecognized`, a `reason`, and the whole event as its `data`. Event Grid delivers at least once: repeated \
deliveries have the same `source` and `id`.";

impl GridReceiveOptions {
    fn receiver(&self) -> Result<WebhookReceiver, Failure> {
        let mut builder = WebhookReceiver::builder();
        for path in &self.query_secret_file {
            let flag = "--query-secret-file";
            let secret = builder.query_secret("code", files::secret(flag, path)?);
            builder = secret.map_err(|error| Failure::file(flag, path, error))?;
        }
        for topic in &self.topic {
            builder = builder.expect_topic(topic);
        }
        for subscription in &self.subscription {
            builder = builder.expect_subscription(subscription);
        }
        if let Some(tenant) = &self.tenant {
            let client = ReqwestClient::new().map_err(Failure::unknown)?;
            let expected = self.expected(tenant)?;
            builder = builder.entra(EntraTokens::new(expected, DefaultBackend::new(), client));
        }
        builder.build().map_err(|error| {
            Failure::usage(error).or_try("partner-center event-grid receive --help")
        })
    }

    fn expected(&self, tenant: &str) -> Result<ExpectedToken, Failure> {
        let cloud = self.danger_authority.as_ref().map_or(Cloud::Global, |authority| {
            let mut profile = CloudProfile::new(authority.clone(), authority.clone());
            profile.danger_plain_http_on_loopback = true;
            Cloud::Custom(profile)
        });
        let mut audiences = self.audience.iter();
        let first = audiences.next().cloned().unwrap_or_default();
        let mut expected = ExpectedToken::new(&cloud, tenant, first)
            .map_err(|error| Failure::usage(format_args!("--tenant, --audience: {error}")))?;
        for audience in audiences {
            expected = expected
                .or_audience(audience.clone())
                .map_err(|error| Failure::usage(format_args!("--audience: {error}")))?;
        }
        Ok(match &self.role {
            Some(role) => expected.with_role(role.clone()),
            None => expected,
        })
    }
}

pub(super) async fn run(options: &GridReceiveOptions) -> Result<Exit, Failure> {
    let mut stop = Stop::listen()?;
    let receiver = options.receiver()?;
    let listener = bind(options.listen).await?;
    let url = format!("http://{}{PATH}", listener.local_addr()?);
    note(format_args!("ready: {url}"));
    announce(options.ready_file.as_deref(), &url)?;
    let respond = move |request: Request<Incoming>| {
        let receiver = receiver.clone();
        async move {
            match timeout(DEADLINE, respond(&receiver, request)).await {
                Ok(response) => response,
                Err(_) => {
                    warn!("a delivery was given up after {DEADLINE:?}");
                    empty(StatusCode::SERVICE_UNAVAILABLE)
                }
            }
        }
    };
    let stopped = async move { stop.requested().await };
    match serve_with(listener, respond, stopped, DEADLINE).await {
        true => Ok(Exit::Yes),
        false => Ok(Exit::No),
    }
}

async fn respond(receiver: &WebhookReceiver, request: Request<Incoming>) -> Response<Full<Bytes>> {
    if request.uri().path() != PATH {
        return empty(StatusCode::NOT_FOUND);
    }
    let (head, body) = request.into_parts();
    let body = body.into_data_stream();
    let received =
        receiver.receive_stream(&head.method, head.uri.query(), &head.headers, body).await;
    match received.map_err(Into::into).and_then(|received| received.into_notification()) {
        Ok(notification) => write(notification).await,
        Err(short) => short.response().map(Full::from),
    }
}

/// Writes the events of a delivery.
async fn write(notification: Notification) -> Response<Full<Bytes>> {
    let write = move || {
        let lines = notification.events().iter().map(|event| Line::of(event).to_json());
        let lines = lines.collect::<Result<Vec<_>, _>>()?;
        match lines.is_empty() {
            true => Ok(()),
            false => write_line(lines.join("\n")),
        }
    };
    let written = tokio::task::spawn_blocking(write).await;
    match written.map_err(io::Error::from).flatten() {
        Ok(()) => empty(StatusCode::NO_CONTENT),
        // With 503, Event Grid delivers them again.
        Err(error) => {
            error!("the events could not be written: {error}");
            empty(StatusCode::SERVICE_UNAVAILABLE)
        }
    }
}

const PATH: &str = "/events";
/// Event Grid itself waits for 30 seconds.
const DEADLINE: Duration = Duration::from_secs(25);
