//! What of a URL in a request nobody may see when the service quotes it.

use form_urlencoded::{byte_serialize, parse};
use secrecy::SecretString;

/// The values in the query of a URL, in each form in which a service might quote them: as they stand, decoded, and encoded
/// anew.
pub(crate) fn query_secrets(url: &str) -> Vec<SecretString> {
    let (_, query) = url.split_once('?').unwrap_or_default();
    // What follows `#` is sent to nobody.
    let query = query.split('#').next().unwrap_or_default();
    let values = query.split('&').flat_map(|member| {
        let value = member.split_once('=').map_or(member, |(_, value)| value);
        let decoded = parse(format!("={value}").as_bytes())
            .map(|(_, value)| value.into_owned())
            .collect::<String>();
        [encoded(value), encoded(&decoded), value.to_owned(), decoded]
    });
    values.map(SecretString::from).collect()
}

/// Percent-encoded, for a path or a query.
pub(crate) fn encoded(text: &str) -> String {
    let encoded: String = byte_serialize(text.as_bytes()).collect();
    // A plus means a space in forms alone.
    encoded.replace('+', "%20")
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn values_in_every_form() {
        let forms = |url| {
            let secrets = query_secrets(url);
            let mut secrets: Vec<_> = secrets
                .iter()
                .map(|it| it.expose_secret().to_owned())
                .collect();
            secrets.sort();
            secrets.dedup();
            secrets
        };
        assert_eq!(forms("https://a.example/b"), [""]);
        assert_eq!(forms("https://a.example/b?a#b"), ["a"]);
        assert_eq!(
            forms("https://a.example/?sig=a%2Fb&v=1"),
            ["1", "a%252Fb", "a%2Fb", "a/b"]
        );
    }
}
