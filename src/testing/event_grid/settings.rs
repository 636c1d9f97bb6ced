//! How the namespace is set up.

use std::time::Duration;

use http::StatusCode;

/// The properties of the namespace, the limits of the service, and how it delivers.
///
/// Change them with [`EventGrid::configure`](super::EventGrid::configure).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Settings {
    /// What the URLs of confirmation begin with, as in `https://rp-westeurope.eventgrid.azure.net:553`. Default: where the fake
    /// is, which answers their paths. A `WebhookReceiver` takes only Event Grid's own.
    pub confirmation_base_url: Option<String>,
    /// Whether keys and signatures are refused: `disableLocalAuth`. Default: they are not.
    pub disable_local_auth: bool,
    /// How many bytes a request may have, and an event. Default: 1 MiB, as documented.
    pub max_bytes: usize,
    /// How many events a request may have. Default: 5000, as documented.
    pub max_events: usize,
    /// Who says to send, in handshakes and deliveries of CloudEvents. Default: `eventgrid.azure.net`, as was seen.
    pub origin: String,
    /// For how long handshakes and attempts to deliver wait for an answer. Default: 30 seconds, as documented.
    pub response_timeout: Duration,
    /// Default: by channel name, to any channel.
    pub routing: Routing,
    /// How many times faster than documented the pauses between attempts to deliver go by; 0: there are none. The ages of events
    /// count as documented all the same. Holds for deliveries that begin later. Default: 1.
    pub speed: u32,
    /// The status for a channel that does not exist, which is not documented. Default: 404.
    pub unknown_channel: StatusCode,
}

/// How events find their channel: `partnerTopicRoutingMode`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Routing {
    /// `ChannelNameHeader`: by the header `aeg-channel-name`.
    ChannelName {
        /// The channels there are; none: any.
        channels: Option<Vec<String>>,
    },
    /// `SourceEventAttribute`: by each event's source. One that no channel has is accepted, and counted as unmatched.
    Source {
        /// The sources of the channels there are; none: any.
        sources: Option<Vec<String>>,
    },
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            confirmation_base_url: None,
            disable_local_auth: false,
            max_bytes: 1024 * 1024,
            max_events: 5000,
            origin: "eventgrid.azure.net".to_owned(),
            response_timeout: Duration::from_secs(30),
            routing: Routing::ChannelName { channels: None },
            speed: 1,
            unknown_channel: StatusCode::NOT_FOUND,
        }
    }
}
