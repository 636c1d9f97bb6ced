//! Stage 1. The cases are from "Partner Center webhooks" and Microsoft's sample, with their twins.

use http::{HeaderMap, HeaderValue};
use partner_center_webhooks::Excerpt;
use partner_center_webhooks::envelope::{EnvelopeError, SignatureAlgorithm, SignatureEnvelope};

use crate::support::DISPATCH_URL;

/// 256 bytes of 0xFB, in base64 that uses both `+` and `/`.
fn signature() -> String {
    format!("{}+w==", "+/v7".repeat(85))
}

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    headers
}

/// The callback of the documentation with its signature header replaced.
#[track_caller]
fn read(signatures: &[(&'static str, &str)]) -> Result<Vec<u8>, EnvelopeError> {
    let mut pairs = signatures.to_vec();
    pairs.push(("x-ms-certificate-url", DISPATCH_URL));
    pairs.push(("x-ms-signature-algorithm", "rsa-sha256"));
    let headers = headers(&pairs);
    let by_map = SignatureEnvelope::from_headers(&headers)
        .map(|envelope| (envelope.signature().to_vec(), envelope.certificate_url().to_owned()));
    let by_pairs = SignatureEnvelope::from_headers(pairs.iter().copied())
        .map(|envelope| (envelope.signature().to_vec(), envelope.certificate_url().to_owned()));
    assert_eq!(by_map, by_pairs, "a map and pairs agree");
    by_map.map(|(signature, url)| {
        assert_eq!(url, DISPATCH_URL);
        signature
    })
}

/// Beside a certificate URL.
fn foreign_scheme(header: &'static str) -> EnvelopeError {
    EnvelopeError::UnsupportedScheme { header, certificate_url_present: true }
}

/// The end of an error's message if the request has a certificate URL. `done`: `removed` or `replaced`.
pub(crate) fn remedy(done: &str) -> String {
    format!(
        "; the request has a certificate URL, so if this happens to all callbacks, a gateway or the hosting platform has \
         {done} `authorization`: set `signatureTokenToMsSignatureHeader` in the registration to receive the signature in \
         `x-ms-signature` (`Registration::with_signature_token_to_ms_signature_header(true)` with \
         `RegistrationClient::ensure`, which keeps the other settings, or \
         `cargo run --example registration -- ensure --url URL --ms-signature`)"
    )
}

#[test]
fn forms_of_a_signature() {
    let expected = Ok([0xfb; 256].to_vec());
    let base64 = signature();
    for scheme in ["Signature", "signature", "SIGNATURE", "sIgNaTuRe"] {
        assert_eq!(read(&[("authorization", &format!("{scheme} {base64}"))]), expected);
        assert_eq!(read(&[("authorization", &format!("{scheme}   {base64}"))]), expected);
        assert_eq!(read(&[("x-ms-signature", &format!("{scheme} {base64}"))]), expected);
    }
    assert_eq!(read(&[("x-ms-signature", &base64)]), expected);
}

#[test]
fn an_authorization_of_another_scheme_is_ignored_only_beside_x_ms_signature() {
    let base64 = signature();
    for other in ["Bearer abc", "Basic YTpi", "Signatures x", "Signaturf x", "Negotiate"] {
        assert_eq!(
            read(&[("authorization", other), ("x-ms-signature", &base64)]),
            Ok([0xfb; 256].to_vec())
        );
        assert_eq!(read(&[("authorization", other)]), Err(foreign_scheme("authorization")));
    }
    assert_eq!(
        read(&[("authorization", &format!("Bearer {base64}"))]),
        Err(foreign_scheme("authorization"))
    );
    assert_eq!(
        read(&[("x-ms-signature", &format!("Bearer {base64}"))]),
        Err(foreign_scheme("x-ms-signature"))
    );
    for alone in ["Signature", "", &base64] {
        assert_eq!(read(&[("authorization", alone)]), Err(foreign_scheme("authorization")));
    }
}

#[test]
fn both_headers_must_agree() {
    let base64 = signature();
    let authorization = format!("Signature {base64}");
    assert!(read(&[("authorization", &authorization), ("x-ms-signature", &base64)]).is_ok());
    let other = "A".repeat(342) + "==";
    assert_eq!(
        read(&[("authorization", &authorization), ("x-ms-signature", &other)]),
        Err(EnvelopeError::ConflictingSignatures)
    );
}

#[test]
fn every_header_once() {
    let authorization = format!("Signature {}", signature());
    let good = [
        ("authorization", authorization.as_str()),
        ("x-ms-signature", authorization.as_str()),
        ("x-ms-certificate-url", DISPATCH_URL),
        ("x-ms-signature-algorithm", "rsa-sha256"),
    ];
    assert!(SignatureEnvelope::from_headers(&headers(&good)).is_ok());
    for twice in good {
        let mut pairs = good.to_vec();
        pairs.push(twice);
        assert_eq!(
            SignatureEnvelope::from_headers(&headers(&pairs)).unwrap_err(),
            EnvelopeError::Duplicate { header: twice.0 }
        );
        let pairs: Vec<_> =
            pairs.iter().map(|(name, value)| (name.to_uppercase(), value.as_bytes())).collect();
        let pairs = pairs.iter().map(|(name, value)| (name, *value));
        assert_eq!(
            SignatureEnvelope::from_headers(pairs).unwrap_err(),
            EnvelopeError::Duplicate { header: twice.0 }
        );
    }
    for missing in ["x-ms-certificate-url", "x-ms-signature-algorithm"] {
        let rest: Vec<_> = good.iter().copied().filter(|(name, _)| *name != missing).collect();
        assert_eq!(
            SignatureEnvelope::from_headers(&headers(&rest)).unwrap_err(),
            EnvelopeError::Missing { header: missing }
        );
    }
    assert_eq!(
        SignatureEnvelope::from_headers(&headers(&good[2..])).unwrap_err(),
        EnvelopeError::MissingSignature { certificate_url_present: true }
    );
    assert_eq!(
        SignatureEnvelope::from_headers(&HeaderMap::new()).unwrap_err(),
        EnvelopeError::MissingSignature { certificate_url_present: false }
    );
}

#[test]
fn base64_has_one_form() {
    let good = signature();
    let malformed = |problem| Err(EnvelopeError::Base64Form { header: "x-ms-signature", problem });
    let unpadded = &good[..342];
    let character = |offset, found| {
        Err(EnvelopeError::Base64Character { header: "x-ms-signature", offset, found })
    };
    assert_eq!(read(&[("x-ms-signature", &good.replace('/', "_"))]), character(1, b'_'));
    assert_eq!(read(&[("x-ms-signature", &good.replace('+', "-"))]), character(0, b'-'));
    assert_eq!(
        read(&[("x-ms-signature", &format!("{}AAAAAA=", &good[..340]))]),
        malformed("its padding is wrong")
    );
    assert_eq!(read(&[("x-ms-signature", &format!("{good}===="))]), character(342, b'='));
    assert_eq!(
        read(&[("x-ms-signature", &format!("{}x==", &good[..341]))]),
        malformed("its last character has spare bits that are not zero")
    );
    assert_eq!(read(&[("x-ms-signature", &format!("{good},{good}"))]), character(342, b'='));
    assert_eq!(read(&[("x-ms-signature", &format!("\t{good}"))]), character(0, b'\t'));
    // Blanks split it into two words, of which the first is not a scheme.
    assert_eq!(
        read(&[("x-ms-signature", &format!("{} {}", &good[..100], &good[100..]))]),
        Err(foreign_scheme("x-ms-signature"))
    );
    assert_eq!(
        read(&[("x-ms-signature", unpadded)]),
        Err(EnvelopeError::SignatureLength { header: "x-ms-signature", found: 342 })
    );
}

#[test]
fn signatures_of_256_to_1024_bytes() {
    use base64::Engine as _;
    for (bytes, accepted) in
        [(253, false), (256, true), (384, true), (1024, true), (1025, false), (1026, false)]
    {
        let text = base64::engine::general_purpose::STANDARD.encode(vec![7; bytes]);
        let expected = match accepted {
            true => Ok(vec![7; bytes]),
            false => {
                Err(EnvelopeError::SignatureLength { header: "x-ms-signature", found: text.len() })
            }
        };
        assert_eq!(read(&[("x-ms-signature", &text)]), expected, "{bytes} bytes");
    }
    let endless = "A".repeat(10_000_000);
    assert_eq!(
        read(&[("x-ms-signature", &endless)]),
        Err(EnvelopeError::SignatureLength { header: "x-ms-signature", found: 10_000_000 })
    );
}

#[test]
fn algorithms_by_exact_name() {
    let read = |name: &str, accepted: &[SignatureAlgorithm]| {
        let base64 = signature();
        let headers = headers(&[
            ("x-ms-signature", &base64),
            ("x-ms-certificate-url", DISPATCH_URL),
            ("x-ms-signature-algorithm", name),
        ]);
        SignatureEnvelope::accepting(accepted, &headers).map(|envelope| envelope.algorithm())
    };
    let all = SignatureAlgorithm::ALL;
    for (name, algorithm) in [
        ("rsa-sha256", SignatureAlgorithm::RsaSha256),
        ("RSA-SHA256", SignatureAlgorithm::RsaSha256),
        ("Rsa-Sha384", SignatureAlgorithm::RsaSha384),
        ("rsa-sha512", SignatureAlgorithm::RsaSha512),
    ] {
        assert_eq!(read(name, all), Ok(algorithm));
    }
    for name in [
        "",
        "rsa",
        "rsa-sha1",
        "rsa-md5",
        "rsa-sha224",
        "rsa-sha256-x",
        "rsa-sha256 ",
        " rsa-sha256",
        "rsa--sha256",
        "rsa_sha256",
        "rsassa-pss",
        "rsa-pss-sha256",
        "ecdsa-sha256",
        "hmac-sha256",
        "none",
        "rsa-sha256,rsa-sha1",
        "sha256",
    ] {
        assert_eq!(
            read(name, all),
            Err(EnvelopeError::UnsupportedAlgorithm {
                found: Excerpt::of(name),
                accepted: SignatureAlgorithm::ALL.to_vec(),
            })
        );
    }
    let narrow = [SignatureAlgorithm::RsaSha256];
    assert_eq!(read("rsa-sha256", &narrow), Ok(SignatureAlgorithm::RsaSha256));
    assert_eq!(
        read("rsa-sha512", &narrow).unwrap_err().to_string(),
        "signature algorithm `rsa-sha512` is not accepted (accepted: rsa-sha256)"
    );
}

#[test]
fn a_url_that_is_not_utf8() {
    let base64 = signature();
    let mut headers =
        headers(&[("x-ms-signature", &base64), ("x-ms-signature-algorithm", "rsa-sha256")]);
    headers.insert("x-ms-certificate-url", HeaderValue::from_bytes(b"https://\xff\xfe").unwrap());
    assert_eq!(
        SignatureEnvelope::from_headers(&headers).unwrap_err().to_string(),
        r"header `x-ms-certificate-url` is not UTF-8: `https://\xff\xfe`"
    );
}
