//! The formats of a served certificate.

use partner_center_webhooks::source::{BundleError, CertificateBundle};

use crate::support::ISSUER;

fn der() -> Vec<u8> {
    ISSUER.signer().unwrap().certificate().to_vec()
}

fn pem() -> String {
    ISSUER.signer().unwrap().certificate_pem()
}

#[track_caller]
fn error(bytes: impl AsRef<[u8]>) -> BundleError {
    CertificateBundle::from_bytes(bytes.as_ref()).unwrap_err()
}

#[test]
fn der_pem_and_bare_base64_are_one_certificate() {
    let body: String = pem().lines().filter(|line| !line.starts_with('-')).collect();
    let pem = pem();
    for form in [
        der(),
        pem.clone().into_bytes(),
        pem.replace('\n', "\r\n").into_bytes(),
        pem.replace('\n', "\r").into_bytes(),
        format!("\u{feff}{pem}").into_bytes(),
        format!("subject=CN = x\n\n{pem}\ntrailing words\n").into_bytes(),
        format!("0 s:CN = x\n{pem}").into_bytes(),
        body.clone().into_bytes(),
        format!("{}\r\n{}\n", &body[..64], &body[64..]).into_bytes(),
    ] {
        let bundle = CertificateBundle::from_bytes(&form).unwrap();
        assert_eq!(bundle.signing().as_ref(), der());
        assert!(bundle.intermediates().is_empty());
    }
}

#[test]
fn pem_with_intermediates_in_the_order_of_the_file() {
    let (leaf, ca) = (pem(), ISSUER.intermediate_pem());
    let bundle = CertificateBundle::from_bytes(format!("{leaf}{ca}").as_bytes()).unwrap();
    assert_eq!(bundle.signing().as_ref(), der());
    assert_eq!(bundle.intermediates(), ISSUER.intermediates());
    let bundle = CertificateBundle::from_bytes(format!("{ca}{leaf}").as_bytes()).unwrap();
    assert_eq!(bundle.signing(), ISSUER.intermediate());
    let five = format!("{leaf}{}", ca.repeat(4));
    assert_eq!(CertificateBundle::from_bytes(five.as_bytes()).unwrap().intermediates().len(), 4);
    assert_eq!(error(format!("{leaf}{}", ca.repeat(5))), BundleError::TooMany);
}

#[test]
fn der_that_is_not_one_certificate() {
    let der = der();
    for length in [1, 2, 3, 4, 100, der.len() - 1] {
        let error = error(&der[..length]);
        let expected = if length == 1 { "NotText" } else { "NotDer" };
        assert!(format!("{error:?}").starts_with(expected), "{length}: {error:?}");
    }
    assert_eq!(error([der.clone(), vec![0]].concat()), BundleError::NotDer);
    assert_eq!(error([der.clone(), der.clone()].concat()), BundleError::NotDer);
    // PKCS#12: SEQUENCE { INTEGER 3, … }. PKCS#7: SEQUENCE { OID signedData, [0] … }.
    let long = |inner: &[u8]| {
        let mut der = vec![0x30, 0x82];
        der.extend(u16::try_from(inner.len()).unwrap().to_be_bytes());
        der.extend(inner);
        der
    };
    let filler = [b"\x30\x81\xff".as_slice(), &[0x05; 255]].concat();
    assert_eq!(error(long(&[b"\x02\x01\x03".as_slice(), &filler].concat())), BundleError::NotDer);
    let oid = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02";
    assert_eq!(error(long(&[oid.as_slice(), &filler].concat())), BundleError::NotDer);
    // Indefinite length is BER.
    assert_eq!(error([b"\x30\x80".as_slice(), &der[4..], b"\0\0"].concat()), BundleError::NotDer);
}

#[test]
fn text_that_is_not_a_certificate() {
    assert_eq!(error(""), BundleError::Empty);
    assert_eq!(error("  \n"), BundleError::Empty);
    assert_eq!(error("\u{feff}"), BundleError::Empty);
    let page = "<p>paste -----BEGIN CERTIFICATE----- here</p>";
    assert!(matches!(error(page), BundleError::NotText { .. }));
    let html = error("<!DOCTYPE html><html><body>404</body></html>");
    assert_eq!(
        html.to_string(),
        "it is neither DER, PEM nor base64; it begins with `<!DOCTYPE html><html><body>404</body></html>`"
    );
    assert_eq!(error("AAAA"), BundleError::NotDer);
    for label in ["PRIVATE KEY", "PKCS7", "X509 CRL", "TRUSTED CERTIFICATE", "certificate"] {
        let block = format!("{}-----BEGIN {label}-----\nAAAA\n-----END {label}-----\n", pem());
        assert!(matches!(error(block), BundleError::PemLabel { .. }), "{label}");
    }
    let pem = pem();
    for (damaged, block) in [
        (pem.replace("-----END CERTIFICATE-----", ""), 1),
        (pem.replace("END CERTIFICATE", "END X509"), 1),
        (pem.replacen("MII", "M*I", 1), 1),
        (format!("{pem}-----BEGIN CERTIFICATE-----\nAAA\n-----END CERTIFICATE-----"), 2),
    ] {
        assert_eq!(error(damaged), BundleError::PemMalformed { block });
    }
    let junk = pem.replacen("MII", "AII", 1);
    assert_eq!(error(junk), BundleError::NotDer);
}

#[test]
fn no_prefix_and_no_flipped_byte_panics() {
    for form in [der(), pem().into_bytes()] {
        for end in 0..form.len() {
            let _ = CertificateBundle::from_bytes(&form[..end]);
        }
        for at in 0..form.len() {
            let mut flipped = form.clone();
            flipped[at] ^= 0x80;
            let _ = CertificateBundle::from_bytes(&flipped);
        }
    }
}
