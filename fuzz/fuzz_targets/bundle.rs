//! Files of certificate URLs: an accepted file is DER, and stays the same when it is written and read again.
#![no_main]

use base64::{Engine as _, engine::general_purpose::STANDARD};
use libfuzzer_sys::fuzz_target;
use partner_center_webhooks::source::CertificateBundle;

fuzz_target!(|data: &[u8]| {
    // The same as text, because a fuzzer does not find base64.
    let pem = format!(
        "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
        STANDARD.encode(data)
    );
    let from_der = CertificateBundle::from_bytes(data);
    let from_pem = CertificateBundle::from_bytes(pem.as_bytes());
    for bundle in [&from_der, &from_pem].into_iter().flatten() {
        assert!(bundle.intermediates().len() <= CertificateBundle::MAX_INTERMEDIATES);
        for der in bundle.intermediates().iter().chain([bundle.signing()]) {
            assert_eq!(der.first(), Some(&0x30));
            let alone = CertificateBundle::new(der.clone(), Vec::new());
            let pem = format!(
                "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----",
                STANDARD.encode(der)
            );
            assert_eq!(CertificateBundle::from_bytes(pem.as_bytes()).unwrap(), alone);
            // Certificates of fewer than 128 bytes do not exist, and are only accepted in text.
            if der.len() >= 130 {
                assert_eq!(CertificateBundle::from_bytes(der).unwrap(), alone);
            }
        }
    }
});
