//! Microsoft's clouds, and what differs between them.

/// The cloud that a partner's tenant lives in.
///
/// Source: "Partner Center REST URLs"; the certificate's location is documented for the global cloud only, and the page
/// claims to hold for all three.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Cloud {
    /// Operated by 21Vianet.
    China,
    /// A private or test endpoint.
    Custom(CloudProfile),
    /// Everybody else's.
    #[default]
    Global,
    /// Azure Government.
    UsGovernment,
}

impl Cloud {
    /// The clouds that Microsoft has.
    pub const ALL: &'static [Self] = &[Self::China, Self::Global, Self::UsGovernment];

    /// Where the Partner Center API is, without a slash at the end.
    pub fn api_base(&self) -> &str {
        match self {
            Self::China => "https://partner.partnercenterapi.microsoftonline.cn",
            Self::Custom(profile) => &profile.api_base,
            Self::Global | Self::UsGovernment => "https://api.partnercenter.microsoft.com",
        }
    }

    /// Where tokens come from, without a slash at the end.
    pub fn authority(&self) -> &str {
        match self {
            Self::China => "https://login.partner.microsoftonline.cn",
            Self::Custom(profile) => &profile.authority,
            Self::Global => "https://login.microsoftonline.com",
            Self::UsGovernment => "https://login.microsoftonline.us",
        }
    }

    /// Whom tokens for the API are for.
    pub fn token_audience(&self) -> &str {
        match self {
            Self::Custom(profile) => &profile.token_audience,
            Self::China | Self::Global | Self::UsGovernment => self.api_base(),
        }
    }

    /// The prefixes under which signing certificates are served.
    pub fn certificate_locations(&self) -> Vec<&str> {
        match self {
            Self::Custom(profile) => profile
                .certificate_locations
                .iter()
                .map(String::as_str)
                .collect(),
            Self::China | Self::Global | Self::UsGovernment => {
                vec![DOCUMENTED_CERTIFICATE_LOCATION]
            }
        }
    }
}

/// The endpoints of a [`Cloud::Custom`].
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "callers write it; what a new endpoint should default to would be a breaking question anyway"
)]
pub struct CloudProfile {
    /// See [`Cloud::api_base`].
    pub api_base: String,
    /// See [`Cloud::authority`].
    pub authority: String,
    /// See [`Cloud::token_audience`].
    pub token_audience: String,
    /// See [`Cloud::certificate_locations`].
    pub certificate_locations: Vec<String>,
}

/// Source: "Partner Center webhooks", "How to authenticate the callback".
pub(crate) const DOCUMENTED_CERTIFICATE_LOCATION: &str =
    "https://3psostorageacct.blob.core.windows.net/cert/";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cloud_has_its_endpoints() {
        let endpoints: Vec<_> = Cloud::ALL
            .iter()
            .map(|cloud| (cloud.api_base(), cloud.authority()))
            .collect();
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
            assert_eq!(
                cloud.certificate_locations(),
                [DOCUMENTED_CERTIFICATE_LOCATION]
            );
        }
    }
}
