//! Stage 3, with both backends: one valid certificate, and each kind of refusal.

use partner_center_webhooks::Excerpt;
use partner_center_webhooks::chain::SignerNameError;
use partner_center_webhooks::chain::{
    Anchors, Certificate, CertificatePolicy, ChainError, ChainVerifier, PathError, PolicyError,
    SignerName,
};
use partner_center_webhooks::crypto::{AwsLcRs, RustCrypto};
use partner_center_webhooks::testing::{Issuer, Signer, SigningCertificate};
use rustls_pki_types::CertificateDer;

use crate::support::pki::{elliptic_key, key_with_exponent, small_key};
use crate::support::{ISSUER, NOW, chain, chain_of, later};

/// Verifies with both backends, which must give the same result.
#[track_caller]
fn verify_under(issuer: &Issuer, signer: &Signer) -> Result<(), ChainError> {
    let by_aws_lc_rs = chain_of(AwsLcRs::new(), issuer).verify(signer.certificate(), &[], NOW);
    let by_rustcrypto = chain_of(RustCrypto::new(), issuer).verify(signer.certificate(), &[], NOW);
    match (by_aws_lc_rs, by_rustcrypto) {
        (Ok(one), Ok(other)) => {
            assert_eq!(one.fingerprint(), other.fingerprint());
            assert_eq!(one.path(), other.path());
            Ok(())
        }
        (Err(one), Err(other)) => {
            assert_eq!(one.to_string(), other.to_string());
            Err(one)
        }
        (one, other) => panic!("the backends disagree: {one:?} and {other:?}"),
    }
}

#[track_caller]
fn verify(certificate: SigningCertificate<'_>) -> Result<(), ChainError> {
    verify_under(&ISSUER, &certificate.issue().unwrap())
}

#[track_caller]
fn policy(certificate: SigningCertificate<'_>) -> PolicyError {
    match verify(certificate) {
        Err(ChainError::Policy { error, .. }) => error,
        other => panic!("expected a policy to refuse: {other:?}"),
    }
}

fn good() -> SigningCertificate<'static> {
    ISSUER.signing_certificate()
}

#[test]
fn a_valid_certificate() {
    verify(good()).unwrap();
    verify(good().without_key_usage()).unwrap();
    verify(good().purposes(None).unwrap()).unwrap();
    verify(good().purposes(Some(&["1.3.6.1.5.5.7.3.2"])).unwrap()).unwrap();
    verify(good().purposes(Some(&["1.3.6.1.5.5.7.3.3", "1.3.6.1.5.5.7.3.1"])).unwrap()).unwrap();
    verify(good().subject("CN=no organization\\, as until 2022")).unwrap();
    verify(good().subject(organization_as(UTF8, "Microsoft Corporation"))).unwrap();

    let signer = ISSUER.signer().unwrap();
    let verified = chain().verify(signer.certificate(), &[], NOW).unwrap();
    assert_eq!(verified.dns_names(), ["pcnotifications-dispatch.microsoft.com"]);
    assert_eq!(verified.valid_from().as_secs(), NOW.as_secs() - 86_400);
    assert_eq!(verified.valid_until().as_secs(), NOW.as_secs() + 99 * 86_400);
    let path: Vec<_> = verified.path().iter().map(ToString::to_string).collect();
    assert_eq!(
        path,
        [
            "C=US, O=Microsoft Corporation, CN=Throw-away TLS G2 RSA CA OCSP 02",
            "C=US, O=Microsoft Corporation, CN=Throw-away TLS RSA Root G2",
        ]
    );
}

#[test]
fn validity_to_the_second() {
    let at = |seconds: u64| later(0).as_secs() - 100 + seconds;
    let time = |seconds| {
        rustls_pki_types::UnixTime::since_unix_epoch(std::time::Duration::from_secs(at(seconds)))
    };
    let signer = good().valid(time(100), time(200)).issue().unwrap();
    let verify = |seconds| chain().verify(signer.certificate(), &[], time(seconds));
    assert!(matches!(verify(99), Err(ChainError::NotYetValid { .. })));
    let signer_of_later = good().valid(time(400), time(900)).issue().unwrap();
    let waits = |seconds| {
        let verdict = chain().verify(signer_of_later.certificate(), &[], time(seconds));
        let error = verdict.unwrap_err();
        (error.is_transient(), error.retry_at())
    };
    assert_eq!(waits(399), (true, Some(time(400))));
    assert_eq!(waits(101), (true, Some(time(400))));
    assert_eq!(waits(100), (false, Some(time(400))), "five minutes ahead");
    assert_eq!(waits(901), (false, None), "expired");
    assert!(verify(100).is_ok());
    assert!(verify(200).is_ok());
    assert!(matches!(verify(201), Err(ChainError::Expired { .. })));

    assert_eq!(
        self::verify(good().expired()).unwrap_err().to_string(),
        "the signing certificate has expired (the clock says 2026-11-21T00:00:00Z); certificate: subject `C=US, ST=WA, L=Redmond, \
         O=Microsoft Corporation, CN=pcnotifications-dispatch.microsoft.com`, DNS names \
         `pcnotifications-dispatch.microsoft.com`, issuer `C=US, O=Microsoft Corporation, CN=Throw-away TLS G2 RSA CA \
         OCSP 02`, valid from 2026-11-20T00:00:00Z to 2026-11-20T23:59:59Z"
    );
    assert!(matches!(self::verify(good().not_yet_valid()), Err(ChainError::NotYetValid { .. })));
}

#[test]
fn a_proof_expires_with_the_first_certificate_of_its_path() {
    // The leaf expires after its issuer, which is valid for five more years.
    let signer = good().valid(NOW, later(6 * 365 * 86_400)).issue().unwrap();
    let verified = chain().verify(signer.certificate(), &[], NOW).unwrap();
    assert_eq!(verified.valid_until(), later(5 * 365 * 86_400));
    let after = later(5 * 365 * 86_400 + 1);
    match chain().verify(signer.certificate(), &[], after).unwrap_err() {
        ChainError::Path { error, .. } => {
            assert_eq!(error, PathError::IssuerExpired { not_after: "2031-11-20T00:00:00Z".into() })
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn other_names() {
    for names in [
        vec!["metadata.azure.com"],
        vec!["pcnotifications.evil.microsoft.com"],
        vec!["pcnotifications.microsoft.com.evil.example"],
        vec!["xpcnotifications.microsoft.com"],
        vec!["pcnotifications.xmicrosoft.com"],
        vec!["*.microsoft.com"],
        vec!["pcnotifications*.microsoft.com"],
        vec!["pcnotifications-dispatch.microsoft.com."],
        vec!["pcnotifications_x.microsoft.com"],
        vec!["microsoft.com", "www.microsoft.com"],
        vec![],
    ] {
        assert_eq!(
            policy(good().dns_names(names.clone())),
            PolicyError::SignerName { expected: SignerName::default() },
            "{names:?}"
        );
    }
    for name in [
        "pcnotifications.microsoft.com",
        "PCNotifications-Dispatch.Microsoft.COM",
        "pcnotifications2.microsoft.com",
    ] {
        verify(good().dns_names(["other.example", name])).unwrap();
    }
    let signer = good().dns_names(["metadata.azure.com"]).issue().unwrap();
    let pinned = chain().with_signer_name("metadata.azure.com".parse().unwrap());
    assert!(pinned.verify(signer.certificate(), &[], NOW).is_ok());
    assert!(chain().danger_accept_any_signer_name().verify(signer.certificate(), &[], NOW).is_ok());
}

#[test]
fn signer_name_patterns() {
    for pattern in [
        "",
        "*",
        "com",
        "*.microsoft.com",
        "a.*.com",
        "a*b.example",
        "a**.example",
        ".example",
        "a..example",
        "a.example.",
        "a b.example",
        "8.8.8.8",
        "a.example.1",
        "a*.1",
    ] {
        let malformed = SignerNameError::Malformed { found: Excerpt::of(pattern) };
        assert_eq!(pattern.parse::<SignerName>(), Err(malformed.clone()));
        assert_eq!(SignerName::danger_wide(pattern), Err(malformed));
    }
    for pattern in [
        "p*.microsoft.com",
        "pcnotification*.microsoft.com",
        "metadata*.azure.com",
        "pcnotifications*.com",
        "pcnotifications*.azure.com",
        "pcnotifications*.evil.microsoft.com",
        "pcnotifications*.microsoft.com.example",
        "pcnotifications*.evilmicrosoft.com",
    ] {
        let wide = SignerNameError::Wide { found: Excerpt::of(pattern) };
        assert_eq!(pattern.parse::<SignerName>(), Err(wide));
        assert_eq!(
            SignerName::danger_wide(pattern).map(|name| name.to_string()),
            Ok(pattern.to_owned())
        );
    }
    for pin in [
        "PCnotifications*.Microsoft.com",
        "pcnotifications-d*.microsoft.com",
        "pcnotifications.microsoft.com",
        "metadata.azure.com",
        "p.microsoft.com",
    ] {
        assert!(pin.parse::<SignerName>().is_ok(), "{pin}");
    }
    assert_eq!(
        "p*.microsoft.com".parse::<SignerName>().unwrap_err().to_string(),
        "the signer name `p*.microsoft.com` also matches names of other services (expected an exact name, or a pattern that \
         begins with `pcnotifications` and ends in `.microsoft.com`; give the exact name, or use `SignerName::danger_wide`)"
    );
    let exact: SignerName = "A.Example".parse().unwrap();
    assert_eq!(exact.to_string(), "a.example");
    assert!(exact.matches("a.EXAMPLE"));
    assert!(!exact.matches("ab.example"));
    let open = SignerName::danger_wide("a*.example").unwrap();
    assert_eq!(open.to_string(), "a*.example");
    assert!(open.matches("a.example") && open.matches("a-1.example"));
    assert!(!open.matches("a.b.example") && !open.matches("example"));
}

#[test]
fn organizations_of_the_subject() {
    let with = |name: &str| policy(good().subject(name));
    let refused =
        |error: PolicyError| matches!(error, PolicyError::Organization { of: "subject", .. });
    for organization in [
        "Evil",
        "microsoft corporation",
        "Microsoft Corporation Ltd",
        "Microsoft Corporation ",
        "Microsoft  Corporation",
        "",
    ] {
        assert!(refused(with(&format!("O={organization}"))), "{organization}");
    }
    assert!(refused(with("O=Evil,O=Microsoft Corporation")));
    assert!(refused(with("O=Microsoft Corporation,O=Microsoft Corporation")));
    assert!(refused(with("CN=x+O=Microsoft Corporation")));
    let utf16: Vec<u8> =
        "Microsoft Corporation".encode_utf16().flat_map(u16::to_be_bytes).collect();
    assert!(refused(with(&organization_as(BMP, utf16))));
    for other in [IA5, TELETEX] {
        assert!(refused(with(&organization_as(other, "Microsoft Corporation"))));
    }
    assert!(refused(with(&organization_as(UTF8, "Microsoft Corporation\0"))));
}

/// A name with one organization of this ASN.1 type.
fn organization_as(tag: u8, value: impl AsRef<[u8]>) -> String {
    let value = value.as_ref();
    let hex: String = value.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("O=#{tag:02x}{:02x}{hex}", value.len())
}

/// Tags of ASN.1's string types.
const BMP: u8 = 0x1e;
const IA5: u8 = 0x16;
const TELETEX: u8 = 0x14;
const UTF8: u8 = 0x0c;

#[test]
fn organizations_of_the_issuer() {
    let verify_with = |name: &str| {
        let issuer = ISSUER.with_intermediate_name(name).unwrap();
        verify_under(&issuer, &issuer.signer().unwrap())
    };
    verify_with("CN=x,O=Microsoft Corporation").unwrap();
    for name in [
        "CN=O=Microsoft Corporation",
        "CN=x,OU=O=Microsoft Corporation",
        "CN=x,O=Evil\\, O=Microsoft Corporation",
        "CN=x,O=Microsoft Corporation2",
        "O=Microsoft Corporation,O=Evil",
        "CN=x+O=Microsoft Corporation",
        &organization_as(TELETEX, "Microsoft Corporation"),
    ] {
        match verify_with(name) {
            Err(ChainError::Policy {
                error: PolicyError::Organization { of: "issuer", .. },
                ..
            }) => {}
            other => panic!("{name:?}: {other:?}"),
        }
    }
    assert_eq!(
        verify_with("CN=O=Microsoft Corporation").unwrap_err().to_string().split(';').next(),
        Some(
            "the signing certificate is refused: the organization of its issuer is missing (expected one, `Microsoft Corporation`)"
        )
    );
}

#[test]
fn keys_and_usages() {
    assert_eq!(policy(good().public_key(&small_key())), PolicyError::KeySize { found: 1024 });
    assert_eq!(
        policy(good().public_key(&elliptic_key())),
        PolicyError::NotRsa { found: "EC".into() }
    );
    for exponent in [1, 2, 3, 17, 65_535, 65_536, 65_538] {
        assert_eq!(
            policy(good().public_key(&key_with_exponent(exponent))),
            PolicyError::KeyExponent { found: Some(u64::from(exponent)) }
        );
    }
    verify(good().public_key(&key_with_exponent(65_539))).unwrap();
    assert_eq!(policy(good().certificate_authority()), PolicyError::CertificateAuthority);
    assert_eq!(policy(good().without_digital_signature()), PolicyError::KeyUsage);
    for purpose in
        ["1.3.6.1.5.5.7.3.3", "1.3.6.1.5.5.7.3.4", "1.3.6.1.5.5.7.3.9", "2.5.29.37.0", "1.2.3.4"]
    {
        assert_eq!(
            policy(good().purposes(Some(&[purpose])).unwrap()),
            PolicyError::Purpose,
            "{purpose}"
        );
    }
    let unknown = verify(good().unknown_critical_extension()).unwrap_err();
    assert!(matches!(unknown, ChainError::Path { error: PathError::Extension, .. }), "{unknown:?}");
}

#[test]
fn chains_without_an_anchor() {
    let signer = ISSUER.signer().unwrap();
    let no_intermediate = ChainVerifier::new(AwsLcRs::new(), ISSUER.anchors().unwrap());
    let error = no_intermediate.verify(signer.certificate(), &[], NOW).unwrap_err();
    assert!(matches!(error, ChainError::UnknownIssuer { links: 0, anchors: 1, .. }), "{error}");
    // Certificates that are served with it may help, but only with a path to the anchor.
    assert!(no_intermediate.verify(signer.certificate(), &ISSUER.intermediates(), NOW).is_ok());
    let other = Issuer::at(NOW).unwrap();
    let served = [other.intermediate().clone(), other.root().clone(), ISSUER.root().clone()];
    let theirs = other.signer().unwrap();
    let error = no_intermediate.verify(theirs.certificate(), &served, NOW).unwrap_err();
    assert!(
        matches!(
            error,
            ChainError::Path { error: PathError::Signature, .. } | ChainError::UnknownIssuer { .. }
        ),
        "same names, other keys: {error}"
    );
    let error = verify_under(&ISSUER, &good().self_signed().unwrap()).unwrap_err();
    assert!(
        matches!(error, ChainError::Policy { .. } | ChainError::UnknownIssuer { .. }),
        "{error}"
    );
    let microsoft = good().subject("O=Microsoft Corporation").self_signed().unwrap();
    let error = verify_under(&ISSUER, &microsoft).unwrap_err();
    assert!(matches!(error, ChainError::UnknownIssuer { .. }), "{error}");
}

#[test]
fn a_custom_policy() {
    #[derive(Debug)]
    struct Never;
    impl CertificatePolicy for Never {
        fn check(&self, certificate: &Certificate<'_>) -> Result<(), PolicyError> {
            let name = certificate.dns_names()[0];
            Err(PolicyError::Other(Excerpt::of(format!("never {name}"))))
        }
    }
    let signer = ISSUER.signer().unwrap();
    let error = chain().require(Never).verify(signer.certificate(), &[], NOW).unwrap_err();
    assert!(
        error.to_string().starts_with(
            "the signing certificate is refused: never pcnotifications-dispatch.microsoft.com; "
        ),
        "{error}"
    );
}

#[test]
fn bytes_that_are_not_a_certificate() {
    let der = ISSUER.signer().unwrap().certificate().to_vec();
    let verify = |der: &[u8]| chain().verify(&CertificateDer::from(der), &[], NOW);
    assert!(matches!(verify(b""), Err(ChainError::Malformed(_))));
    assert!(matches!(verify(&[der.clone(), vec![0]].concat()), Err(ChainError::Malformed(_))));
    for end in 0..der.len() {
        assert!(matches!(verify(&der[..end]), Err(ChainError::Malformed(_))), "{end}");
    }
    // With any flipped bit: never accepted, never a panic.
    for at in 0..der.len() {
        for bit in [0x01, 0x80] {
            let mut flipped = der.clone();
            flipped[at] ^= bit;
            assert!(verify(&flipped).is_err(), "byte {at}, bit {bit:#x}");
        }
    }
}

#[test]
fn anchors() {
    assert_eq!(Anchors::microsoft(&AwsLcRs::new()).len(), 4);
    assert_eq!(Anchors::microsoft(&RustCrypto::new()).len(), 4);
    assert!(Anchors::danger_any_web_pki().len() > 100);
    assert_eq!(Anchors::from_pem(ISSUER.root_pem().as_bytes()).unwrap().len(), 1);
    for (pem, message) in [
        ("", "the PEM text holds no `CERTIFICATE` block"),
        (
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
            "the PEM text holds no `CERTIFICATE` block",
        ),
        (
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "certificate 1 cannot be a trust anchor: it is not an X.509 certificate",
        ),
    ] {
        assert_eq!(Anchors::from_pem(pem.as_bytes()).unwrap_err().to_string(), message);
    }
}
