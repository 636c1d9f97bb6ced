//! `event-grid forward`: passes callbacks on to the customers they are about.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use http::{Method, Response, StatusCode};
use http_body_util::Full;
use partner_center_webhooks::api::RetryPolicy;
use partner_center_webhooks::duplicates::{Attempt, DuplicateGuard, InMemory};
use partner_center_webhooks::event_grid::{
    ChannelName, CloudEvent, NotAccepted, PublishError, Publisher,
};
use partner_center_webhooks::http_client::ReqwestClient;
use partner_center_webhooks::{Error, Excerpt, Received};
use tracing::{error, info, warn};

use super::channels::Channels;
use super::credential::of_environment;
use super::namespace::Namespace;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::options::files;
use crate::options::trust::TrustOptions;
use crate::output::note;
use crate::serve::{Endpoint, Handler, announce, bind, empty, serve, warm_up};
use crate::signals::Stop;

/// Verifies callbacks, and publishes each to its customer's channel in Azure Event Grid
#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub(crate) struct ForwardOptions {
    #[command(flatten)]
    namespace: Namespace,
    /// Lines with a customer's tenant id and the name of its channel; # begins a comment
    #[arg(long, value_name = "FILE")]
    customers: PathBuf,
    /// The channel of events about no customer of the file, or `none`: they are logged, and the response is 200
    #[arg(long, value_name = "NAME")]
    others: Others,
    /// Where to listen. Put a proxy with TLS in front: Partner Center calls https only
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// The path of callbacks
    #[arg(long, value_name = "PATH", default_value = crate::values::CALLBACK_PATH)]
    path: String,
    /// Write the URL of callbacks to this file once it is reachable
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
    #[command(flatten)]
    trust: TrustOptions,
}

const HELP: &str = "\
Credentials come from the environment, as for `event-grid publish`.

The response to a callback is 200 once Event Grid has accepted its event, else 503: Partner Center delivers it again. What was \
accepted is not published again as long as this process runs. Events have the digest of their callback as id. The customer sees \
the event as Partner Center sent it, including the audit URI with the id of your tenant.";

/// A channel, or none.
#[derive(Clone, Debug)]
struct Others(Option<ChannelName>);

impl FromStr for Others {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "none" => Ok(Self(None)),
            name => match ChannelName::new(name) {
                Ok(name) => Ok(Self(Some(name))),
                Err(error) => Err(error.to_string()),
            },
        }
    }
}

pub(super) async fn run(options: &ForwardOptions) -> Result<Exit, Failure> {
    let mut stop = Stop::listen()?;
    let endpoint = options.namespace.endpoint()?;
    let text = files::text("--customers", &options.customers)?;
    let channels = Channels::read(&text, options.others.0.clone());
    let channels =
        channels.map_err(|error| Failure::file("--customers", &options.customers, error))?;
    let http = ReqwestClient::new().map_err(Failure::unknown)?;
    let credential = of_environment(http.clone())?;
    let retries = RetryPolicy::default().with_deadline(PUBLISHING);
    let publisher = Publisher::new(endpoint, credential, http).with_retries(retries);
    let trust = options.trust.load().await?;
    let receiver = trust.receiver().build().map_err(Failure::unknown)?;

    let listener = bind(options.listen).await?;
    let url = format!("http://{}{}", listener.local_addr()?, options.path);
    note(format_args!("ready: {url}"));
    announce(options.ready_file.as_deref(), &url)?;
    tokio::spawn(warm_up(receiver.clone()));
    let handler = Forwarder { channels, guard: Arc::new(InMemory::new()), publisher };
    let endpoint = Endpoint { path: options.path.clone(), receiver, handler, limit: DEADLINE };
    let stopped = async move { stop.requested().await };
    match serve(listener, Arc::new(endpoint), stopped, DEADLINE).await {
        true => Ok(Exit::Yes),
        false => Ok(Exit::No),
    }
}

struct Forwarder {
    channels: Channels,
    guard: Arc<dyn DuplicateGuard>,
    publisher: Publisher,
}

impl Handler for Forwarder {
    async fn handle(&self, received: Received<Bytes>) -> Response<Full<Bytes>> {
        let attempt = match Attempt::claim(&self.guard, received.digest()).await {
            Ok(attempt) => attempt,
            Err(error) => return Error::from(error).to_response(),
        };
        let event = received.event();
        let digest = received.digest();
        let name = Excerpt::of(event.name().as_str());
        let Some(channel) = self.channels.of(event.customer_tenant()) else {
            warn!(%digest, %name, "about no customer with a channel, and not published");
            let _ = attempt.complete().await;
            return empty(StatusCode::OK);
        };
        let published = self.publisher.publish(channel, [CloudEvent::from(&received)]);
        if let Err(error) = published.await {
            match is_final(&error) {
                // Partner Center tries ten times and drops it. To acknowledge what nobody kept would not be better.
                true => {
                    let resource = Excerpt::of_url(event.resource_uri().unwrap_or_default());
                    error!(%digest, %name, %channel, %resource, "not accepted, and no retry will help: inform the customer about the resource by other means: {error}");
                }
                false => {
                    error!(%digest, %name, %channel, "not accepted; Partner Center delivers it again: {error}");
                }
            }
            return empty(StatusCode::SERVICE_UNAVAILABLE); // the attempt is abandoned
        }
        info!(%digest, %name, %channel, "accepted by Event Grid");
        // If this fails, the event may be published twice, which is better than never.
        let _ = attempt.complete().await;
        empty(StatusCode::OK)
    }

    fn refused(&self, _: &Error) {}

    fn unmatched(&self, method: &Method, path: &str) {
        info!("{method} `{}` is not for callbacks", path.escape_debug());
    }
}

/// Whether the event itself was not sent: a name with control characters, or data that nests too deeply, cannot be a CloudEvent.
/// None is too long, because the receiver takes 256 KiB and a request 1 MiB.
fn is_final(error: &NotAccepted) -> bool {
    let mut errors = error.failures().iter().map(|failure| &*failure.error);
    errors.any(|error| matches!(error, PublishError::Event(_) | PublishError::TooLong { .. }))
}

/// How long publishing may take, with its retries.
const PUBLISHING: Duration = Duration::from_secs(8);
/// How long a request may take. How long Partner Center waits is not documented.
const DEADLINE: Duration = Duration::from_secs(15);
