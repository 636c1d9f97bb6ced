//! Headers: both readers agree, and accepted values are canonical.
//!
//! Each line of the input is a header: a byte that chooses it, and its value. Every other choice encodes the rest of the
//! line as a signature, because a fuzzer does not find base64.
#![no_main]

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderName, HeaderValue};
use libfuzzer_sys::fuzz_target;
use partner_center_webhooks::envelope::{
    ALGORITHM_HEADER, AUTHORIZATION_HEADER, CERTIFICATE_URL_HEADER, SIGNATURE_HEADER,
    SignatureEnvelope,
};

const NAMES: [&str; 4] =
    [AUTHORIZATION_HEADER, SIGNATURE_HEADER, CERTIFICATE_URL_HEADER, ALGORITHM_HEADER];

fuzz_target!(|data: &[u8]| {
    let mut headers = HeaderMap::new();
    for line in data.split(|byte| *byte == b'\n') {
        let Some((choice, value)) = line.split_first() else {
            continue;
        };
        let value = match choice & 4 {
            0 => value.to_vec(),
            _ => format!("Signature {}", STANDARD.encode(value.repeat(64))).into_bytes(),
        };
        if let Ok(value) = HeaderValue::from_bytes(&value) {
            headers.append(HeaderName::from_static(NAMES[usize::from(choice & 3)]), value);
        }
    }

    // Every other input skips the rest.
    if data.len() % 2 == 1 {
        for (name, value) in [
            (ALGORITHM_HEADER, "rsa-sha256"),
            (CERTIFICATE_URL_HEADER, "https://host.example/a.cer"),
        ] {
            headers.entry(name).or_insert(HeaderValue::from_static(value));
        }
    }

    let read = SignatureEnvelope::from_headers(&headers);
    let pairs = headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    let error = |result: &Result<_, _>| result.as_ref().err().map(ToString::to_string);
    let read_from_pairs = SignatureEnvelope::from_headers(pairs);
    match (&read, &read_from_pairs) {
        (Ok(envelope), Ok(other)) => {
            assert_eq!(envelope.signature(), other.signature());
            assert!((256..=1024).contains(&envelope.signature().len()));
            let text = STANDARD.encode(envelope.signature());
            let ends = |name| {
                headers.get(name).is_some_and(|value| value.as_bytes().ends_with(text.as_bytes()))
            };
            assert!(ends(AUTHORIZATION_HEADER) || ends(SIGNATURE_HEADER));
            assert_eq!(
                headers[CERTIFICATE_URL_HEADER].as_bytes(),
                envelope.certificate_url().as_bytes()
            );
        }
        // The readers may report either of two faults.
        _ => assert_eq!(read.is_err(), read_from_pairs.is_err()),
    }
    // A logged value stays on one line.
    for text in error(&read).into_iter().chain(error(&read_from_pairs)) {
        assert!(!text.contains(|character: char| character.is_control()), "{text:?}");
    }
});
