//! Secrets in the query of a URL in a request, redacted from errors because services echo requests.

use form_urlencoded::parse;

use super::secret::SecretString;
use super::url::named;

/// The values in the query of a URL, raw and decoded.
///
/// A member without a name may be a value, so it counts as one.
pub(crate) fn query_secrets(url: &str) -> Vec<SecretString> {
    let (_, query) = url.split_once('?').unwrap_or_default();
    // A fragment is never sent.
    let query = query.split('#').next().unwrap_or_default();
    let values = query.split('&').flat_map(|member| {
        let value = named(member).map_or(member, |(_, value)| value);
        let decoded = parse(format!("={value}").as_bytes())
            .map(|(_, value)| value.into_owned())
            .collect::<String>();
        [value.to_owned(), decoded]
    });
    values.map(SecretString::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_raw_and_decoded() {
        let values = |url| {
            let secrets = query_secrets(url).into_iter();
            let values = secrets.map(|it| it.expose_secret().to_owned());
            values.collect::<Vec<_>>()
        };
        assert_eq!(values("https://a.example/b"), ["", ""]);
        assert_eq!(values("https://a.example/b?a#b"), ["a", "a"]);
        assert_eq!(values("https://a.example/b?YQ=="), ["YQ==", "YQ=="]);
        assert_eq!(values("https://a.example/?sig=a%2Fb&v=1"), ["a%2Fb", "a/b", "1", "1"]);
    }
}
