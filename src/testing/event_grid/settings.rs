//! How the namespace is set up.

use http::StatusCode;

/// The properties of the namespace, and the limits of the service.
///
/// Change them with [`EventGrid::configure`](super::EventGrid::configure).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Settings {
    /// Whether keys and signatures are refused: `disableLocalAuth`. Default: they are not.
    pub disable_local_auth: bool,
    /// How many bytes a request may have, and an event. Default: 1 MiB, as documented.
    pub max_bytes: usize,
    /// How many events a request may have. Default: 5000, as documented.
    pub max_events: usize,
    /// Default: by channel name, to any channel.
    pub routing: Routing,
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
            disable_local_auth: false,
            max_bytes: 1024 * 1024,
            max_events: 5000,
            routing: Routing::ChannelName { channels: None },
            unknown_channel: StatusCode::NOT_FOUND,
        }
    }
}
