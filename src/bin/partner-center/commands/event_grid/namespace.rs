//! The endpoint of a partner namespace.

use clap::Args;
use partner_center_webhooks::event_grid::PublishEndpoint;

use crate::failure::Failure;

/// Where to publish.
#[derive(Args, Clone, Debug)]
pub(crate) struct Namespace {
    /// The namespace's property `endpoint`, which ends in /api/events
    #[arg(long, value_name = "URL")]
    endpoint: String,
    /// Allow an endpoint of plain http on a loopback address, for tests
    #[arg(long)]
    danger_plain_http: bool,
}

impl Namespace {
    pub(super) fn endpoint(&self) -> Result<PublishEndpoint, Failure> {
        let endpoint = match self.danger_plain_http {
            true => PublishEndpoint::danger_plain_http_on_loopback(&self.endpoint),
            false => PublishEndpoint::new(&self.endpoint),
        };
        endpoint.map_err(|error| Failure::usage(format_args!("--endpoint: {error}")))
    }
}
