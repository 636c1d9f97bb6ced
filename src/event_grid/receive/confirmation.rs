//! The URL that confirms a subscription later or manually.

use std::fmt;

use http::Uri;
use http::uri::Scheme;

use super::error::ReceiveError;
use crate::mask::Excerpt;

/// A URL of Event Grid that confirms a subscription when it is requested.
///
/// Any sender may have put it into a handshake. Its scheme is https, its host is under `eventgrid.azure.net` (or the
/// configured domain), and its port is 443 or 553. This crate does not request it. If you do, send the response to the
/// handshake first, and do not follow redirects. It is valid for about ten minutes.
///
/// # Source
///
/// "Endpoint validation with CloudEvents schema", "… with Event Grid event schema".
///
/// # Example
///
/// ```
/// use partner_center_webhooks::event_grid::receive::ConfirmationUrl;
///
/// let text = "https://rp-westeurope.eventgrid.azure.net:553/eventsubscriptions/orders/validate?id=1&token=2";
/// let url = ConfirmationUrl::parse(text, "eventgrid.azure.net")?;
/// assert_eq!(url.as_uri().host(), Some("rp-westeurope.eventgrid.azure.net"));
/// assert!(!format!("{url:?}").contains("token=2"));
///
/// let elsewhere = "https://eventgrid.azure.net.contoso.example/validate?id=1";
/// let error = ConfirmationUrl::parse(elsewhere, "eventgrid.azure.net").unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "`https://eventgrid.azure.net.contoso.example/validate?id=...` is not a URL of Event Grid (expected https, a host under \
///      `eventgrid.azure.net`, and port 443 or 553)"
/// );
/// # Ok::<(), partner_center_webhooks::event_grid::receive::ReceiveError>(())
/// ```
#[derive(Clone, Eq, PartialEq)]
pub struct ConfirmationUrl(Uri);

impl ConfirmationUrl {
    /// Parses `text`, which must be a URL under `domain`.
    ///
    /// # Errors
    ///
    /// [`ReceiveError::ConfirmationUrl`] if it is another URL, or longer than 2048 bytes.
    pub fn parse(text: &str, domain: &str) -> Result<Self, ReceiveError> {
        let is_short = text.len() <= MAX_LENGTH;
        let uri: Option<Uri> = is_short.then(|| text.parse().ok()).flatten();
        uri.filter(|uri| is_of_event_grid(uri, domain)).map(Self).ok_or_else(|| {
            ReceiveError::ConfirmationUrl {
                // Its query confirms, and errors are logged.
                found: Excerpt::of_url(text),
                domain: Excerpt::of(domain),
            }
        })
    }

    /// The URL. Its query is a secret: a request to the URL confirms.
    pub fn as_uri(&self) -> &Uri {
        &self.0
    }
}

impl fmt::Debug for ConfirmationUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConfirmationUrl")
            .field("host", &self.0.host().unwrap_or_default())
            .finish_non_exhaustive()
    }
}

fn is_of_event_grid(uri: &Uri, domain: &str) -> bool {
    let Some(authority) = uri.authority() else {
        return false;
    };
    let host = authority.host().to_ascii_lowercase();
    let labels = host.strip_suffix(&domain.to_ascii_lowercase());
    let is_under = labels
        .and_then(|labels| labels.strip_suffix('.'))
        .is_some_and(|labels| !domain.is_empty() && labels.split('.').all(is_label));
    let port = match authority.as_str().strip_prefix(authority.host()) {
        Some("" | ":443" | ":553") => true,
        // Another port, or a user.
        _ => false,
    };
    uri.scheme() == Some(&Scheme::HTTPS) && is_under && port
}

/// RFC 1123, section 2.1. A URI allows more characters, which other parsers may interpret differently.
fn is_label(label: &str) -> bool {
    let may_be = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    !label.is_empty() && label.bytes().all(may_be)
}

/// In bytes. URLs from Event Grid have about 300.
const MAX_LENGTH: usize = 2048;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_of_event_grid_and_lookalikes() {
        for (text, accepted) in [
            (
                "https://rp-westeurope.eventgrid.azure.net:553/eventsubscriptions/a/validate?id=1",
                true,
            ),
            ("https://rp-westeurope.eventgrid.azure.net/validate", true),
            ("https://RP.EventGrid.Azure.Net:443/validate", true),
            ("https://a.b.eventgrid.azure.net/validate", true),
            ("https://eventgrid.azure.net/validate", false),
            ("https://.eventgrid.azure.net/validate", false),
            ("https://a..eventgrid.azure.net/validate", false),
            ("https://rp.eventgrid.azure.net:80/validate", false),
            ("https://rp.eventgrid.azure.net:5530/validate", false),
            ("http://rp.eventgrid.azure.net:553/validate", false),
            ("https://rpeventgrid.azure.net/validate", false),
            ("https://rp.eventgrid.azure.net.contoso.example/validate", false),
            ("https://rp.eventgrid.azure.net./validate", false),
            ("https://rp.eventgrid.azure.net@contoso.example/validate", false),
            ("https://user@rp.eventgrid.azure.net/validate", false),
            ("https://user:553@rp.eventgrid.azure.net/validate", false),
            ("https://contoso.example/rp.eventgrid.azure.net", false),
            ("https://contoso.example?rp.eventgrid.azure.net", false),
            ("https://contoso.example#.eventgrid.azure.net", false),
            ("https://contoso.example\\.eventgrid.azure.net/", false),
            ("https://169.254.169.254/metadata", false),
            ("//rp.eventgrid.azure.net/validate", false),
            ("rp.eventgrid.azure.net", false),
            ("/validate", false),
            ("", false),
        ] {
            assert_eq!(
                ConfirmationUrl::parse(text, "eventgrid.azure.net").is_ok(),
                accepted,
                "{text}"
            );
        }
        let long = format!("https://rp.eventgrid.azure.net/{}", "a".repeat(MAX_LENGTH));
        assert!(ConfirmationUrl::parse(&long, "eventgrid.azure.net").is_err());
        assert!(ConfirmationUrl::parse("https://a./", "").is_err());
    }
}
