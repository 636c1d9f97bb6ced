//! Microsoft's clouds and their endpoints.

/// The cloud of a partner's tenant.
///
/// Source: "Partner Center REST URLs". The certificate's location is documented for the global cloud only, on a page that
/// claims to be valid for all three.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Cloud {
    /// Operated by 21Vianet.
    China,
    /// A private or test endpoint.
    Custom(CloudProfile),
    /// Microsoft's public cloud.
    #[default]
    Global,
    /// Azure Government.
    UsGovernment,
}

impl Cloud {
    /// Microsoft's clouds.
    pub const ALL: &'static [Self] = &[Self::China, Self::Global, Self::UsGovernment];

    /// The base URL of the Partner Center API, without a trailing slash.
    pub fn api_base(&self) -> &str {
        match self {
            Self::China => "https://partner.partnercenterapi.microsoftonline.cn",
            Self::Custom(profile) => &profile.api_base,
            Self::Global | Self::UsGovernment => "https://api.partnercenter.microsoft.com",
        }
    }

    /// The base URL of Microsoft Entra, which issues the tokens, without a trailing slash.
    pub fn authority(&self) -> &str {
        match self {
            Self::China => "https://login.partner.microsoftonline.cn",
            Self::Custom(profile) => &profile.authority,
            Self::Global => "https://login.microsoftonline.com",
            Self::UsGovernment => "https://login.microsoftonline.us",
        }
    }

    /// The audience of tokens for the API.
    pub fn token_audience(&self) -> &str {
        match self {
            Self::Custom(profile) => &profile.token_audience,
            Self::China | Self::Global | Self::UsGovernment => self.api_base(),
        }
    }

    /// The base URL of Microsoft Graph, without a trailing slash.
    pub fn graph_base(&self) -> &str {
        match self {
            Self::China => "https://microsoftgraph.chinacloudapi.cn",
            Self::Custom(profile) => &profile.graph_base,
            Self::Global => GLOBAL_GRAPH,
            Self::UsGovernment => "https://graph.microsoft.us",
        }
    }

    /// The base URL of the referrals API, without a trailing slash; the same in all of Microsoft's clouds.
    pub fn referrals_base(&self) -> &str {
        match self {
            Self::Custom(profile) => &profile.referrals_base,
            Self::China | Self::Global | Self::UsGovernment => REFERRALS,
        }
    }

    /// The base URL of Azure Resource Manager, without a trailing slash.
    pub fn management_base(&self) -> &str {
        match self {
            Self::China => "https://management.chinacloudapi.cn",
            Self::Custom(profile) => &profile.management_base,
            Self::Global => GLOBAL_MANAGEMENT,
            Self::UsGovernment => "https://management.usgovcloudapi.net",
        }
    }

    /// Whether plain http is allowed for endpoints on loopback addresses; only for tests.
    pub fn danger_plain_http_on_loopback(&self) -> bool {
        match self {
            Self::Custom(profile) => profile.danger_plain_http_on_loopback,
            Self::China | Self::Global | Self::UsGovernment => false,
        }
    }

    /// The URL prefixes of signing certificates.
    pub fn certificate_locations(&self) -> Vec<&str> {
        match self {
            Self::Custom(profile) => {
                profile.certificate_locations.iter().map(String::as_str).collect()
            }
            Self::China | Self::Global | Self::UsGovernment => {
                vec![DOCUMENTED_CERTIFICATE_LOCATION]
            }
        }
    }
}

/// The endpoints of a [`Cloud::Custom`].
///
/// # Example
///
/// ```
/// use partner_center_webhooks::cloud::{Cloud, CloudProfile};
///
/// let mut profile = CloudProfile::new("https://api.example", "https://login.example");
/// profile.certificate_locations = vec!["https://certificates.example/cert/".into()];
/// assert_eq!(Cloud::Custom(profile).token_audience(), "https://api.example");
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct CloudProfile {
    /// See [`Cloud::api_base`].
    pub api_base: String,
    /// See [`Cloud::authority`].
    pub authority: String,
    /// See [`Cloud::token_audience`]. Default: the base URL of the API.
    pub token_audience: String,
    /// See [`Cloud::certificate_locations`]. Default: Microsoft's.
    pub certificate_locations: Vec<String>,
    /// See [`Cloud::graph_base`]. Default: the global one.
    pub graph_base: String,
    /// See [`Cloud::management_base`]. Default: the global one.
    pub management_base: String,
    /// See [`Cloud::referrals_base`]. Default: Microsoft's.
    pub referrals_base: String,
    /// See [`Cloud::danger_plain_http_on_loopback`]. Default: `false`.
    pub danger_plain_http_on_loopback: bool,
}

impl CloudProfile {
    /// A profile with these two base URLs, and defaults for the other fields.
    pub fn new(api_base: impl Into<String>, authority: impl Into<String>) -> Self {
        let api_base = api_base.into().trim_end_matches('/').to_owned();
        Self {
            token_audience: api_base.clone(),
            api_base,
            authority: authority.into().trim_end_matches('/').to_owned(),
            certificate_locations: vec![DOCUMENTED_CERTIFICATE_LOCATION.to_owned()],
            graph_base: GLOBAL_GRAPH.to_owned(),
            management_base: GLOBAL_MANAGEMENT.to_owned(),
            referrals_base: REFERRALS.to_owned(),
            danger_plain_http_on_loopback: false,
        }
    }
}

/// Source: "Microsoft Graph REST API endpoint reference"; so are the other two.
const GLOBAL_GRAPH: &str = "https://graph.microsoft.com";

/// Source: "Azure Government endpoint mapping" and "Azure China developer guide" for the other two.
const GLOBAL_MANAGEMENT: &str = "https://management.azure.com";

/// Source: "Partner Center REST URLs".
const REFERRALS: &str = "https://api.partner.microsoft.com";

/// Source: "Partner Center webhooks", "How to authenticate the callback".
pub(crate) const DOCUMENTED_CERTIFICATE_LOCATION: &str =
    "https://3psostorageacct.blob.core.windows.net/cert/";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cloud_has_its_endpoints() {
        let endpoints: Vec<_> =
            Cloud::ALL.iter().map(|cloud| (cloud.api_base(), cloud.authority())).collect();
        let global = "https://api.partnercenter.microsoft.com";
        assert_eq!(
            endpoints,
            [
                (
                    "https://partner.partnercenterapi.microsoftonline.cn",
                    "https://login.partner.microsoftonline.cn"
                ),
                (global, "https://login.microsoftonline.com"),
                (global, "https://login.microsoftonline.us"),
            ]
        );
        for cloud in Cloud::ALL {
            assert_eq!(cloud.token_audience(), cloud.api_base());
            assert_eq!(cloud.certificate_locations(), [DOCUMENTED_CERTIFICATE_LOCATION]);
            assert_eq!(cloud.referrals_base(), "https://api.partner.microsoft.com");
            assert!(!cloud.danger_plain_http_on_loopback());
        }
        let management: Vec<_> = Cloud::ALL.iter().map(Cloud::management_base).collect();
        assert_eq!(
            management,
            [
                "https://management.chinacloudapi.cn",
                "https://management.azure.com",
                "https://management.usgovcloudapi.net",
            ]
        );
        let graphs: Vec<_> = Cloud::ALL.iter().map(Cloud::graph_base).collect();
        assert_eq!(
            graphs,
            [
                "https://microsoftgraph.chinacloudapi.cn",
                "https://graph.microsoft.com",
                "https://graph.microsoft.us",
            ]
        );
    }
}
