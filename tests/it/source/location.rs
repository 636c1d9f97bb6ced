//! Allowed URLs.

use partner_center_webhooks::Excerpt;
use partner_center_webhooks::source::{
    CertificateLocation, CertificateUrl, LocationError, PrefixError,
};

use crate::support::DISPATCH_URL;

#[track_caller]
fn refused(url: &str) -> LocationError {
    CertificateLocation::default().check(url).unwrap_err()
}

fn not_allowed(url: &str) -> LocationError {
    LocationError::NotAllowed {
        url: Excerpt::of_url(url),
        allowed: vec!["https://3psostorageacct.blob.core.windows.net/cert/".into()],
    }
}

#[test]
fn the_documented_urls_in_any_case_of_scheme_and_host() {
    let location = CertificateLocation::default();
    for url in [
        DISPATCH_URL,
        "HTTPS://3PSOSTORAGEACCT.blob.core.WINDOWS.net/cert/pcnotifications-dispatch.microsoft.com.cer",
        "https://3psostorageacct.blob.core.windows.net:443/cert/pcnotifications-dispatch.microsoft.com.cer",
    ] {
        assert_eq!(location.check(url).unwrap().as_str(), DISPATCH_URL);
    }
    let old =
        "https://3psostorageacct.blob.core.windows.net/cert/pcnotifications.microsoft.com.cer";
    assert_eq!(location.check(old).unwrap().as_str(), old);
    let odd = "https://3psostorageacct.blob.core.windows.net/cert/A_b-9...cer";
    assert_eq!(location.check(odd).unwrap().as_str(), odd);
}

#[test]
fn other_schemes_hosts_ports_and_paths() {
    for url in [
        "",
        "/",
        "cert/a.cer",
        "//3psostorageacct.blob.core.windows.net/cert/a.cer",
        "https:/3psostorageacct.blob.core.windows.net/cert/a.cer",
        "https:///cert/a.cer",
        "http://3psostorageacct.blob.core.windows.net/cert/a.cer",
        "ftp://3psostorageacct.blob.core.windows.net/cert/a.cer",
        "file:///cert/a.cer",
        "data:,a.cer",
        "https://169.254.169.254/cert/a.cer",
        "https://[::1]/cert/a.cer",
        "https://localhost/cert/a.cer",
        "https://evil.example/cert/a.cer",
        "https://evil.blob.core.windows.net/cert/a.cer",
        "https://3psostorageacct.blob.core.windows.net.evil.example/cert/a.cer",
        "https://3psostorageacct.blob.core.windows.net./cert/a.cer",
        "https://x3psostorageacct.blob.core.windows.net/cert/a.cer",
        "https://3psostorageacct-secondary.blob.core.windows.net/cert/a.cer",
        "https://3psostorageacct.blob.core.windows.net:8443/cert/a.cer",
        "https://3psostorageacct.blob.core.windows.net:0443/cert/a.cer",
        "https://3psostorageacct.blob.core.windows.net:443:443/cert/a.cer",
        "https://3psostorageacct.blob.core.windows.net:/cert/a.cer",
        "https://3psostorageacct.blob.core.windows.net:80/cert/a.cer",
        "https://3psostorageacct.blob.core.windows.net/Cert/a.cer",
        "https://3psostorageacct.blob.core.windows.net/certs/a.cer",
        "https://3psostorageacct.blob.core.windows.net//cert/a.cer",
        "https://3psostorageacct.blob.core.windows.net/other/../cert/a.cer",
        "https://3psostorageacct.blob.core.windows.net",
    ] {
        assert_eq!(refused(url), not_allowed(url), "{url}");
    }
}

#[test]
fn file_names() {
    let base = "https://3psostorageacct.blob.core.windows.net/cert/";
    for name in [
        "",
        ".cer",
        "a",
        "a.pem",
        "a.CER",
        "a.cer.exe",
        "../a.cer",
        "x/../a.cer",
        "x/a.cer",
        "/a.cer",
        "..cer",
        ".a.cer",
        "a;b.cer",
        "a:b.cer",
        "a+b.cer",
        "a~.cer",
        "a.cer/",
        "a,b.cer",
        "*.cer",
    ] {
        let url = format!("{base}{name}");
        let about = Excerpt::of_url(&url);
        assert_eq!(refused(&url), LocationError::FileName { url: about }, "{name}");
    }
}

#[test]
fn characters_that_url_parsers_disagree_about() {
    let base = "https://3psostorageacct.blob.core.windows.net/cert/";
    for (rest, found) in [
        ("a.cer?sv=2020&sig=x", b'?'),
        ("a.cer#x", b'#'),
        ("%2e%2e/a.cer", b'%'),
        ("a%00.cer", b'%'),
        ("..\\a.cer", b'\\'),
        ("a .cer", b' '),
        ("a\t.cer", b'\t'),
        ("a\n.cer", b'\n'),
        ("a\r\nHost: evil", b'\r'),
        ("a\0.cer", 0),
        ("\u{e4}.cer", 0xc3),
        ("a.cer\u{7f}", 0x7f),
    ] {
        let offset = rest.bytes().position(|byte| byte == found).unwrap() + base.len();
        let url = format!("{base}{rest}");
        let error = LocationError::Character { url: Excerpt::of_url(&url), found, offset };
        assert_eq!(refused(&url), error, "{rest:?}");
    }
    for url in [
        "https://3psostorageacct.blob.core.windows.net@evil.example/cert/a.cer",
        "https://user:pw@3psostorageacct.blob.core.windows.net/cert/a.cer",
    ] {
        let offset = url.find('@').unwrap();
        assert_eq!(
            refused(url),
            LocationError::Character { url: Excerpt::of_url(url), found: b'@', offset }
        );
    }
    let blank = format!(" {DISPATCH_URL}");
    assert_eq!(
        refused(&blank),
        LocationError::Character { url: Excerpt::of_url(&blank), found: b' ', offset: 0 }
    );
}

#[test]
fn at_most_512_bytes() {
    let base = "https://3psostorageacct.blob.core.windows.net/cert/";
    let url = |length: usize| format!("{base}{}.cer", "a".repeat(length - base.len() - 4));
    assert!(CertificateLocation::default().check(&url(CertificateUrl::MAX_LEN)).is_ok());
    for found in [513, 1_000_000] {
        let url = url(found);
        let about = Excerpt::of_url(&url);
        assert_eq!(refused(&url), LocationError::TooLong { url: about, found });
    }
}

#[test]
fn further_locations() {
    let location = CertificateLocation::none()
        .also_allow("https://certificates.example:8443/a/b/")
        .unwrap()
        .danger_also_allow_loopback_http("http://127.0.0.1:8080/cert/")
        .unwrap()
        .danger_also_allow_loopback_http("http://[::1]:80/")
        .unwrap();
    for (url, canonical) in [
        (
            "https://CERTIFICATES.example:8443/a/b/x.cer",
            Some("https://certificates.example:8443/a/b/x.cer"),
        ),
        ("https://certificates.example/a/b/x.cer", None),
        ("https://certificates.example:8443/a/x.cer", None),
        ("http://127.0.0.1:8080/cert/x.cer", Some("http://127.0.0.1:8080/cert/x.cer")),
        ("https://127.0.0.1:8080/cert/x.cer", None),
        ("http://127.0.0.1/cert/x.cer", None),
        ("http://127.1:8080/cert/x.cer", None),
        ("http://[::1]/x.cer", Some("http://[::1]/x.cer")),
        (DISPATCH_URL, None),
    ] {
        let found = location.check(url).ok().map(|url| url.as_str().to_owned());
        assert_eq!(found.as_deref(), canonical, "{url}");
    }
}

#[test]
fn overlapping_locations_in_any_order() {
    let (outer, inner) = ("https://h.example/", "https://h.example/cert/");
    for prefixes in [[outer, inner], [inner, outer]] {
        let location = prefixes.iter().fold(CertificateLocation::none(), |location, prefix| {
            location.also_allow(prefix).unwrap()
        });
        for url in ["https://h.example/a.cer", "https://h.example/cert/a.cer"] {
            assert_eq!(location.check(url).unwrap().as_str(), url);
        }
        assert!(location.check("https://h.example/other/a.cer").is_err());
    }
}

#[test]
fn prefixes_that_cannot_be_allowed() {
    for prefix in [
        "",
        "https://",
        "https:///a/",
        "https://host.example",
        "https://host.example/a",
        "http://host.example/a/",
        "https://Host.example/a/",
        "https://*.example/a/",
        "https://user@host.example/a/",
        "https://host.example:0/a/",
        "https://host.example:99999/a/",
        "https://host.example:+443/a/",
        "https://host.example:0443/a/",
        "https://host.example/a/../b/",
        "https://host.example//a/",
        "https://host.example/a%20b/",
        "https://host..example/",
        "https://host.example/a/?x/",
    ] {
        assert!(
            matches!(
                CertificateLocation::none().also_allow(prefix),
                Err(PrefixError::Malformed { .. })
            ),
            "{prefix}"
        );
    }
    for prefix in [
        "http://192.168.0.1/cert/",
        "http://host.example/cert/",
        "http://127.0.0.1.evil.example/cert/",
        "http://0.0.0.0/",
    ] {
        assert!(
            matches!(
                CertificateLocation::none().danger_also_allow_loopback_http(prefix),
                Err(PrefixError::NotLoopback(_))
            ),
            "{prefix}"
        );
    }
}
