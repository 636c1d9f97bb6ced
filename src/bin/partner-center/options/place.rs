//! Which Partner Center: a cloud of Microsoft, or another base URL.

use clap::{Args, ValueEnum};
use partner_center_webhooks::cloud::{Cloud, CloudProfile};

/// The options of every command that speaks to Partner Center, or trusts it.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Place {
    /// The cloud of the partner's tenant
    #[arg(
        long,
        value_enum,
        value_name = "CLOUD",
        conflicts_with = "base_url",
        help_heading = "Partner Center"
    )]
    cloud: Option<CloudName>,
    /// Another API at this URL, which also issues tokens, with Microsoft Graph under /graph and referrals under /referrals. Plain
    /// http is allowed on loopback, for an emulator
    #[arg(long, value_name = "URL", help_heading = "Partner Center")]
    base_url: Option<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum CloudName {
    /// Microsoft's public cloud
    Global,
    /// Azure Government
    UsGovernment,
    /// Operated by 21Vianet
    China,
}

impl Place {
    pub(crate) fn cloud(&self) -> Cloud {
        match (&self.base_url, self.cloud) {
            (Some(base_url), _) => cloud_at(base_url),
            (None, Some(CloudName::China)) => Cloud::China,
            (None, Some(CloudName::UsGovernment)) => Cloud::UsGovernment,
            (None, Some(CloudName::Global) | None) => Cloud::Global,
        }
    }
}

/// A service that is everything at once.
pub(super) fn cloud_at(base_url: &str) -> Cloud {
    let mut profile = CloudProfile::new(base_url, base_url);
    profile.graph_base = format!("{}/graph", profile.api_base);
    profile.referrals_base = format!("{}/referrals", profile.api_base);
    profile.danger_plain_http_on_loopback = true;
    Cloud::Custom(profile)
}
