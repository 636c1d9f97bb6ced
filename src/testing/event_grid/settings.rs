//! The settings of the namespace.

use std::time::Duration;

use http::StatusCode;

/// The properties of the namespace, the limits of the service, and the delivery settings.
///
/// Change them with [`EventGrid::configure`](super::EventGrid::configure).
///
/// # Example: a namespace with two channels that accepts tokens only
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use partner_center_webhooks::testing::EventGrid;
///
/// let fake = EventGrid::start().await?;
/// fake.configure(|settings| {
///     assert_eq!(settings.max_events, 5000); // as documented
///     settings.disable_local_auth = true;
///     settings.channels = Some(vec!["contoso".into(), "fabrikam".into()]);
/// });
/// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Settings {
    /// The existing channels: their names, or their sources if [`route_by_source`](Self::route_by_source) is set. Default:
    /// `None`, any channel is accepted.
    pub channels: Option<Vec<String>>,
    /// The base of confirmation URLs, for example `https://rp-westeurope.eventgrid.azure.net:553`. Default: the fake's own base
    /// URL, where they work. A `WebhookReceiver` accepts only Event Grid's.
    pub confirmation_base_url: Option<String>,
    /// Whether keys and signatures are refused: `disableLocalAuth`. Default: false.
    pub disable_local_auth: bool,
    /// The maximum size of a request and of an event, in bytes. Default: 1 MiB, as documented.
    pub max_bytes: usize,
    /// The maximum number of events in a request. Default: 5000, as documented.
    pub max_events: usize,
    /// The origin in handshakes and deliveries of CloudEvents. Default: `eventgrid.azure.net`, as observed.
    pub origin: String,
    /// The time limit for the response to a handshake or a delivery. Default: 30 seconds, as documented.
    pub response_timeout: Duration,
    /// Whether events find their channel by their source (`SourceEventAttribute` of `partnerTopicRoutingMode`), and not by the
    /// header `aeg-channel-name` (`ChannelNameHeader`). Default: false.
    ///
    /// An event whose source no channel has is accepted, and counted as [unmatched](super::EventGrid::unmatched).
    pub route_by_source: bool,
    /// The factor by which pauses between attempts are shortened; 0 removes them. The ages of events count as documented
    /// nevertheless. Applies to deliveries that begin later. Default: 1.
    pub speed: u32,
    /// The status for an unknown channel, which is not documented. Default: 404.
    pub unknown_channel: StatusCode,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            channels: None,
            confirmation_base_url: None,
            disable_local_auth: false,
            max_bytes: 1024 * 1024,
            max_events: 5000,
            origin: "eventgrid.azure.net".to_owned(),
            response_timeout: Duration::from_secs(30),
            route_by_source: false,
            speed: 1,
            unknown_channel: StatusCode::NOT_FOUND,
        }
    }
}
