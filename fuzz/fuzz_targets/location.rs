//! Certificate URLs: an accepted URL is canonical, and a URL parser reads the same host and path.
#![no_main]

use http::Uri;
use libfuzzer_sys::fuzz_target;
use partner_center_webhooks::source::CertificateLocation;

const HOST: &str = "3psostorageacct.blob.core.windows.net";

fuzz_target!(|text: &str| {
    let location = CertificateLocation::default();
    for url in [
        text.to_owned(),
        format!("https://{HOST}/cert/{text}"),
        format!("https://{text}/cert/a.cer"),
    ] {
        match location.check(&url) {
            Ok(canonical) => {
                let again = location.check(canonical.as_str()).unwrap();
                assert_eq!(again.as_str(), canonical.as_str());
                let uri: Uri = canonical.as_str().parse().unwrap();
                assert_eq!(uri.scheme_str(), Some("https"));
                assert_eq!(uri.authority().unwrap().as_str(), HOST);
                assert_eq!(uri.query(), None);
                let name = uri.path().strip_prefix("/cert/").unwrap().strip_suffix(".cer").unwrap();
                assert!(
                    !name.is_empty() && !name.contains(['/', '\\', '%']) && !name.starts_with('.')
                );
            }
            Err(error) => {
                assert!(!error.to_string().contains(|character: char| character.is_control()))
            }
        }
    }

    // An allowed prefix allows the files under it, on its own host.
    if let Ok(location) = CertificateLocation::none().also_allow(text) {
        let url = format!("{text}a.cer");
        let canonical = location.check(&url).unwrap();
        let (uri, expected): (Uri, Uri) =
            (canonical.as_str().parse().unwrap(), url.parse().unwrap());
        assert_eq!(uri.host(), expected.host());
        assert_eq!(uri.path(), expected.path());
    }
    if let Ok(location) = CertificateLocation::none().danger_also_allow_loopback_http(text) {
        let url = format!("{text}a.cer");
        let host = url.parse::<Uri>().unwrap().host().unwrap().to_owned();
        assert!(
            host == "localhost"
                || host == "[::1]"
                || host.starts_with("127.")
                || host.starts_with('['),
            "{host}"
        );
        location.check(&url).unwrap();
    }
});
