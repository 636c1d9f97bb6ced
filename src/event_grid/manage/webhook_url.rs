//! Webhook URLs, checked before anything is sent.

use http::Uri;
use serde_json::Value;

use super::error::InvalidResource;
use crate::http_client::endpoint::is_host_and_port;
use crate::http_client::is_loopback;
use crate::mask::Excerpt;

/// Checks the webhook URLs in the body of a `PUT` or `PATCH`, with or without an envelope. A missing URL is valid: the
/// service keeps the one that it has.
///
/// # Errors
///
/// [`InvalidResource::WebhookUrl`], because Event Grid delivers to https only.
pub(super) fn check(
    body: &Value,
    danger_plain_http_on_loopback: bool,
) -> Result<(), InvalidResource> {
    let properties = body.get("properties").unwrap_or(body);
    let urls = URLS.iter().filter_map(|pointer| properties.pointer(pointer)?.as_str());
    for url in urls {
        if !is_valid(url, danger_plain_http_on_loopback) {
            return Err(InvalidResource::WebhookUrl { found: Excerpt::of_url(url) });
        }
    }
    Ok(())
}

fn is_valid(url: &str, danger_plain_http_on_loopback: bool) -> bool {
    let Ok(uri) = url.parse::<Uri>() else {
        return false;
    };
    let authority = uri.authority().filter(|it| is_host_and_port(it));
    match (uri.scheme_str(), authority) {
        (Some("https"), Some(_)) => true,
        (Some("http"), Some(it)) => danger_plain_http_on_loopback && is_loopback(it.host()),
        _ => false,
    }
}

/// Where a body holds webhook URLs.
const URLS: [&str; 3] = [
    "/deliveryWithResourceIdentity/destination/properties/endpointUrl",
    "/destination/properties/endpointUrl",
    "/partnerDestinationInfo/properties/endpointUrl",
];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_absolute_https_urls_are_valid() {
        for (url, is_safe, is_danger) in [
            ("https://contoso.example/hook?code=1", true, true),
            ("HTTPS://contoso.example", true, true),
            ("https://contoso.example:8443/", true, true),
            ("https://[2001:db8::1]/hook", true, true),
            ("http://127.0.0.1:1234/hook", false, true),
            ("http://localhost/hook", false, true),
            ("http://[::1]/hook", false, true),
            ("http://contoso.example/hook", false, false),
            ("http://127.0.0.1.example/hook", false, false),
            ("www.contoso.example", false, false),
            ("contoso.example:443", false, false),
            ("//contoso.example/hook", false, false),
            ("/hook", false, false),
            ("https:///hook", false, false),
            ("https:contoso.example", false, false),
            ("https://contoso.example:0/hook", false, false),
            ("https://contoso example/hook", false, false),
            (" https://contoso.example/hook", false, false),
            ("https://user:password@contoso.example/hook", false, false),
            ("ftp://contoso.example/hook", false, false),
            ("", false, false),
        ] {
            assert_eq!(is_valid(url, false), is_safe, "{url}");
            assert_eq!(is_valid(url, true), is_danger, "{url}");
        }
    }

    #[test]
    fn secrets_are_masked() {
        for (url, masked) in [
            ("www.contoso.example", "www.contoso.example"),
            ("", ""),
            (
                "http://contoso.example/a?code=s3cret&v=1#s3cret",
                "http://contoso.example/a?code=...&v=...#...",
            ),
            ("contoso.example?s3cret", "contoso.example?..."),
            ("http://user:s3cret@contoso.example/a", "http://...@contoso.example/a"),
            ("user:s3@cret@contoso.example", "...@contoso.example"),
            // A password can hold a slash.
            ("http://contoso:s3/cret@b", "http://...@b"),
        ] {
            let body = json!({"destination": {"properties": {"endpointUrl": url}}});
            let Err(InvalidResource::WebhookUrl { found }) = check(&body, false) else {
                panic!("{url}")
            };
            assert_eq!(found.to_string(), masked, "{url}");
        }
    }
}
