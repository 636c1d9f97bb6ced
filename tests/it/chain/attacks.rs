//! Attacks with certificates that no honest CA issues. Names, validity and policies are also in `chain.rs`, revocation is in
//! `revocation.rs`, and forged downloads are in `authority_attacks.rs`.

use std::str::FromStr as _;
use std::time::Instant;

use partner_center_webhooks::chain::{
    CertificateDer, ChainError, PathError, PolicyError, Revocation,
};
use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::certificate::{Certificate, TbsCertificate, Version};
use x509_cert::der::asn1::{Any, BitString, Null, ObjectIdentifier, SetOfVec};
use x509_cert::der::{Encode as _, Tag};
use x509_cert::ext::pkix::KeyUsages;
use x509_cert::name::{Name, RdnSequence, RelativeDistinguishedName};
use x509_cert::spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};

use crate::support::NOW;
use crate::support::pki::{
    self, BASIC_CONSTRAINTS, Ca, EXTENDED_KEY_USAGE, KEY_USAGE, evidence, extension, extensions,
    parse, set_basic_constraints, set_key_usage, set_purposes, unset, validity,
};

/// A root, and a CA under it.
struct World {
    root: Ca,
    ca: Ca,
    root_der: CertificateDer<'static>,
    ca_der: CertificateDer<'static>,
}

impl World {
    fn new() -> Self {
        let root = Ca::new("Root");
        let ca = Ca::new("CA");
        Self { root_der: root.certify(&root), ca_der: root.certify(&ca), root, ca }
    }

    /// A signing certificate, altered before it is signed.
    #[track_caller]
    fn leaf(&self, alter: impl FnOnce(&mut TbsCertificate)) -> Result<(), ChainError> {
        self.verify(&self.ca.issue_with(alter), &[&self.ca_der])
    }

    /// The certificate of the CA, altered before it is signed.
    #[track_caller]
    fn ca(&self, alter: impl FnOnce(&mut TbsCertificate)) -> Result<(), ChainError> {
        let ca = self.root.certify_with(&self.ca, alter);
        self.verify(&self.ca.issue(), &[&ca])
    }

    #[track_caller]
    fn verify(
        &self,
        leaf: &CertificateDer<'_>,
        issuers: &[&CertificateDer<'static>],
    ) -> Result<(), ChainError> {
        let mut evidence = evidence([], &[]);
        evidence.issuers = issuers.iter().copied().cloned().collect();
        pki::verify(&self.root_der, leaf, &evidence, Revocation::BestEffort).map(|_| ())
    }
}

#[track_caller]
fn path(verdict: Result<(), ChainError>) -> PathError {
    match verdict {
        Err(ChainError::Path { error, .. }) => error,
        Err(ChainError::UnknownIssuer { .. }) => PathError::UnknownIssuer,
        other => panic!("expected no path: {other:?}"),
    }
}

#[track_caller]
fn policy(verdict: Result<(), ChainError>) -> PolicyError {
    match verdict {
        Err(ChainError::Policy { error, .. }) => error,
        other => panic!("expected a policy to refuse: {other:?}"),
    }
}

#[test]
fn genuine_certificates_are_accepted() {
    let world = World::new();
    world.leaf(|_| {}).unwrap();
    world.ca(|_| {}).unwrap();
}

/// A trusted root issued the certificate through a CA that is not Microsoft's. All names are right except the issuer's, and
/// the organization of the subject does not help.
#[test]
fn a_trusted_ca_that_is_not_microsofts() {
    let world = World::new();
    let other = Ca::named("CN=Let's Trust,O=Other Corporation,C=US");
    let other_der = world.root.certify(&other);
    let error = policy(world.verify(&other.issue(), &[&other_der]));
    assert!(matches!(error, PolicyError::Organization { of: "issuer", .. }), "{error}");
}

/// Attributes that look like the issuer's organization.
#[test]
fn lookalikes_of_the_issuers_organization() {
    let world = World::new();
    let organization = "2.5.4.10";
    let good = "Microsoft Corporation";
    let utf16: Vec<u8> = good.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let utf32: Vec<u8> = good.chars().flat_map(|c| u32::from(c).to_be_bytes()).collect();
    for (oid, tag, value) in [
        // In other attributes: CN, OU, title, description, organizationIdentifier, businessCategory.
        ("2.5.4.3", Tag::PrintableString, good.as_bytes()),
        ("2.5.4.11", Tag::PrintableString, good.as_bytes()),
        ("2.5.4.12", Tag::PrintableString, b"O=Microsoft Corporation"),
        ("2.5.4.13", Tag::Utf8String, b", O=Microsoft Corporation, "),
        ("2.5.4.97", Tag::Utf8String, good.as_bytes()),
        ("2.5.4.15", Tag::Utf8String, b"x\nO=Microsoft Corporation"),
        // Lookalikes: longer, shorter, Cyrillic, with invisible marks, in another case.
        (organization, Tag::Utf8String, b"Microsoft Corporation Ltd"),
        (organization, Tag::Utf8String, b"Microsoft"),
        (organization, Tag::Utf8String, "Micr\u{43e}soft Corporation".as_bytes()),
        (organization, Tag::Utf8String, "Microsoft\u{a0}Corporation".as_bytes()),
        (organization, Tag::Utf8String, "Microsoft Corporation\u{200b}".as_bytes()),
        (organization, Tag::Utf8String, "\u{feff}Microsoft Corporation".as_bytes()),
        (organization, Tag::Utf8String, b"MICROSOFT CORPORATION"),
        (organization, Tag::Utf8String, b"Microsoft Corporation\0"),
        (organization, Tag::Utf8String, b"Microsoft Corporation\0.evil"),
        (organization, Tag::Utf8String, b"\"Microsoft Corporation\""),
        (organization, Tag::Utf8String, b"Microsoft\\ Corporation"),
        (organization, Tag::Utf8String, b""),
        // Other string types.
        (organization, Tag::BmpString, &utf16),
        (organization, Tag::Utf8String, &utf16),
        (organization, Tag::TeletexString, good.as_bytes()),
        (organization, Tag::Ia5String, good.as_bytes()),
        (organization, Tag::VisibleString, good.as_bytes()),
        (organization, Tag::NumericString, good.as_bytes()),
        (organization, Tag::OctetString, good.as_bytes()),
        // The bytes of a UniversalString, with a tag that the encoder supports.
        (organization, Tag::OctetString, &utf32),
    ] {
        let name = name_of(&[(oid, tag, value)]);
        let ca = world.ca.renamed(name);
        let ca_der = world.root.certify(&ca);
        match world.verify(&ca.issue(), &[&ca_der]) {
            Err(ChainError::Policy {
                error: PolicyError::Organization { of: "issuer", .. },
                ..
            }) => {}
            other => panic!("{oid} {tag} {value:?}: {other:?}"),
        }
    }
    let ca = world.ca.renamed(name_of(&[(organization, Tag::Utf8String, good.as_bytes())]));
    world.verify(&ca.issue(), &[&world.root.certify(&ca)]).unwrap();
}

/// Basic constraints of signing certificates and of issuers.
#[test]
fn basic_constraints() {
    let world = World::new();
    // A CA certificate is refused as a signing certificate; one without basic constraints is not a CA certificate.
    assert_eq!(
        policy(world.leaf(|leaf| set_basic_constraints(leaf, true, None))),
        PolicyError::CertificateAuthority
    );
    assert_eq!(
        policy(world.leaf(|leaf| set_basic_constraints(leaf, true, Some(0)))),
        PolicyError::CertificateAuthority
    );
    world.leaf(|leaf| unset(leaf, BASIC_CONSTRAINTS)).unwrap();
    world.leaf(|leaf| set_empty(leaf, BASIC_CONSTRAINTS)).unwrap();
    // The certificate of its CA.
    assert!(world.verify(&world.ca_der, &[&world.ca_der]).is_err());

    // An issuer without the flag, with an explicit `FALSE`, and without basic constraints.
    let refused = |verdict| assert_eq!(path(verdict), PathError::CaRole);
    refused(world.ca(|ca| set_basic_constraints(ca, false, None)));
    refused(world.ca(|ca| set_empty(ca, BASIC_CONSTRAINTS)));
    refused(world.ca(|ca| unset(ca, BASIC_CONSTRAINTS)));
    // Both.
    let twice = |tbs: &mut TbsCertificate| {
        let other = vec![0x30, 0x03, 0x01, 0x01, 0xff];
        set_basic_constraints(tbs, false, None);
        extensions(tbs).push(extension(BASIC_CONSTRAINTS, true, other));
    };
    assert!(matches!(world.leaf(twice), Err(ChainError::Malformed(_))));
    assert!(world.ca(twice).is_err());
    // Version 1 has no extensions, so its certificates are not CA certificates.
    assert!(
        world
            .ca(|ca| {
                ca.version = Version::V1;
                ca.extensions = None;
            })
            .is_err()
    );
    // The classic attack: the holder of a genuine certificate issues another with its key.
    let holder = Ca::new("genuine");
    let genuine = world.ca.certify_with(&holder, |leaf| {
        set_basic_constraints(leaf, false, None);
        set_key_usage(leaf, KeyUsages::DigitalSignature.into());
    });
    refused(world.verify(&holder.issue(), &[&genuine, &world.ca_der]));
    let genuine = world.ca.certify_with(&holder, |leaf| set_basic_constraints(leaf, false, None));
    refused(world.verify(&holder.issue(), &[&genuine, &world.ca_der]));
}

/// A CA that may not sign certificates signs one.
#[test]
fn key_usage_of_issuers() {
    let world = World::new();
    for usages in [
        KeyUsages::CRLSign.into(),
        KeyUsages::DigitalSignature | KeyUsages::KeyEncipherment,
        KeyUsages::DigitalSignature | KeyUsages::CRLSign | KeyUsages::NonRepudiation,
    ] {
        let verdict = world.ca(|ca| set_key_usage(ca, usages));
        assert_eq!(path(verdict), PathError::CaRole, "{usages:?}");
    }
    world.ca(|ca| set_key_usage(ca, KeyUsages::KeyCertSign.into())).unwrap();
    world.ca(|ca| unset(ca, KEY_USAGE)).unwrap();
    // Its twin that may sign is found.
    let may_not =
        world.root.certify_with(&world.ca, |ca| set_key_usage(ca, KeyUsages::CRLSign.into()));
    for issuers in [[&may_not, &world.ca_der], [&world.ca_der, &may_not]] {
        world.verify(&world.ca.issue(), &issuers).unwrap();
    }
}

/// The limit on the number of subordinate CAs.
#[test]
fn path_length() {
    let world = World::new();
    let below = Ca::new("Below");
    let lower = world.ca.certify(&below);
    let leaf = below.issue();
    for (length, accepted) in [(None, true), (Some(2), true), (Some(1), true), (Some(0), false)] {
        let upper =
            world.root.certify_with(&world.ca, |ca| set_basic_constraints(ca, true, length));
        let verdict = world.verify(&leaf, &[&upper, &lower]);
        match accepted {
            true => verdict.unwrap(),
            false => assert_eq!(path(verdict), PathError::Length),
        }
    }
    // The lower CA cannot extend the limit.
    let upper = world.root.certify_with(&world.ca, |ca| set_basic_constraints(ca, true, Some(0)));
    let lower = world.ca.certify_with(&below, |ca| set_basic_constraints(ca, true, Some(100)));
    assert_eq!(path(world.verify(&leaf, &[&upper, &lower])), PathError::Length);
    // Zero is enough for the certificates that the CA itself issues.
    world.ca(|ca| set_basic_constraints(ca, true, Some(0))).unwrap();
}

/// Purposes and usages of issuers, and malformed ones.
#[test]
fn purposes_and_usages() {
    let world = World::new();
    let (server, code, any) = ("1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.3", "2.5.29.37.0");
    for purposes in [vec![code], vec![any], vec![code, any]] {
        let verdict = world.leaf(|leaf| set_purposes(leaf, &purposes));
        assert_eq!(policy(verdict), PolicyError::Purpose, "{purposes:?}");
        let verdict = world.ca(|ca| set_purposes(ca, &purposes));
        assert_eq!(path(verdict), PathError::Purpose, "{purposes:?}");
    }
    for purposes in [vec![server], vec![code, server]] {
        world.leaf(|leaf| set_purposes(leaf, &purposes)).unwrap();
        world.ca(|ca| set_purposes(ca, &purposes)).unwrap();
    }
    world.leaf(|leaf| unset(leaf, EXTENDED_KEY_USAGE)).unwrap();
    // Empty, which differs from absent.
    assert!(world.leaf(|leaf| set_purposes(leaf, &[])).is_err());
    assert!(world.ca(|ca| set_purposes(ca, &[])).is_err());

    let verdict = world.leaf(|leaf| set_key_usage(leaf, KeyUsages::KeyEncipherment.into()));
    assert_eq!(policy(verdict), PolicyError::KeyUsage);
    let verdict = world.leaf(|leaf| set_key_usage(leaf, KeyUsages::NonRepudiation.into()));
    assert_eq!(policy(verdict), PolicyError::KeyUsage);
    // A key usage without any bit.
    for value in [vec![0x03, 0x01, 0x00], vec![0x03, 0x02, 0x07, 0x00]] {
        let verdict = world.leaf(|leaf| {
            unset(leaf, KEY_USAGE);
            extensions(leaf).push(extension(KEY_USAGE, true, value.clone()));
        });
        assert!(verdict.is_err(), "{value:?}");
    }
}

/// An issuer that is not valid now, alone and beside a valid twin with the same name and key.
#[test]
fn issuers_that_are_not_valid_now() {
    let world = World::new();
    let now = NOW.as_secs();
    let with =
        |begin, end| world.root.certify_with(&world.ca, |ca| ca.validity = validity(begin, end));
    let leaf = world.ca.issue();
    let ended = with(now - 200, now - 1);
    let to_come = with(now + 1, now + 200);
    assert!(matches!(path(world.verify(&leaf, &[&ended])), PathError::IssuerExpired { .. }));
    assert!(matches!(path(world.verify(&leaf, &[&to_come])), PathError::IssuerNotYetValid { .. }));
    assert!(world.verify(&leaf, &[&ended, &to_come]).is_err());
    // To the second.
    world.verify(&leaf, &[&with(now, now)]).unwrap();
    for issuers in [
        [&ended, &world.ca_der, &to_come],
        [&world.ca_der, &ended, &to_come],
        [&to_come, &ended, &world.ca_der],
    ] {
        world.verify(&leaf, &issuers).unwrap();
    }
    // Expires before it becomes valid.
    assert!(world.verify(&leaf, &[&with(now + 1, now - 1)]).is_err());
    assert!(world.leaf(|leaf| leaf.validity = validity(now + 1, now - 1)).is_err());
}

/// CAs that certify each other.
#[test]
fn loops() {
    let world = World::new();
    let (a, b) = (Ca::new("A"), Ca::new("B"));
    let leaf = a.issue();
    let (a_by_b, b_by_a) = (b.certify(&a), a.certify(&b));
    let (a_by_a, b_by_b) = (a.certify(&a), b.certify(&b));
    let circle = [&a_by_b, &b_by_a, &a_by_a, &b_by_b];
    assert_eq!(path(world.verify(&leaf, &circle)), PathError::UnknownIssuer);
    // The path out of the loop is found.
    let b_by_root = world.root.certify(&b);
    world.verify(&leaf, &[&a_by_b, &b_by_a, &a_by_a, &b_by_b, &b_by_root]).unwrap();
}

/// The longest accepted chain, and one that is too long.
#[test]
fn long_chains() {
    let world = World::new();
    let chain = |length: usize| {
        let mut above = world.root.clone();
        let mut issuers = Vec::new();
        for number in 0..length {
            let next = Ca::new(&format!("CA {number}"));
            issuers.push(above.certify(&next));
            above = next;
        }
        let issuers: Vec<_> = issuers.iter().collect();
        world.verify(&above.issue(), &issuers)
    };
    chain(6).unwrap();
    assert_eq!(path(chain(7)), PathError::Length);
    assert_eq!(path(chain(40)), PathError::Length);
}

/// Thousands of certificates with the right name and wrong keys. The search stops soon; if it does not reach the right
/// certificate before, it refuses.
#[test]
fn thousands_of_intermediates() {
    let world = World::new();
    let leaf = world.ca.issue();
    let impostors: Vec<_> = {
        let some: Vec<_> = (0..8).map(|_| world.ca.rekeyed()).collect();
        // Issued by the genuine root and by themselves.
        let by_turns = some.iter().cycle().enumerate();
        by_turns
            .take(5_000)
            .map(|(number, impostor)| match number % 2 {
                0 => world.root.certify(impostor),
                _ => impostor.certify(impostor),
            })
            .collect()
    };
    let before: Vec<_> = std::iter::once(&world.ca_der).chain(&impostors).collect();
    let after: Vec<_> = impostors.iter().chain([&world.ca_der]).collect();
    let begun = Instant::now();
    world.verify(&leaf, &before).unwrap();
    assert!(world.verify(&leaf, &after).is_err());
    let took = begun.elapsed();
    assert!(took.as_secs() < 30, "{took:?}");
}

/// CAs that all certify each other, without a path to an anchor: many more than a bundle may contain.
#[test]
fn cas_that_all_certify_each_other() {
    let world = World::new();
    let thicket: Vec<_> = (0..6).map(|number| Ca::new(&format!("CA {number}"))).collect();
    let each_by_each: Vec<_> =
        thicket.iter().flat_map(|one| thicket.iter().map(|other| one.certify(other))).collect();
    let issuers: Vec<_> = each_by_each.iter().collect();
    let begun = Instant::now();
    assert!(world.verify(&thicket[0].issue(), &issuers).is_err());
    let took = begun.elapsed();
    assert!(took.as_secs() < 30, "{took:?}");
}

/// Keys that cannot sign callbacks.
#[test]
fn other_types_of_keys() {
    let world = World::new();
    for (oid, name) in [
        ("1.3.101.112", "Ed25519"),
        ("1.2.840.10040.4.1", "DSA"),
        ("1.2.840.113549.1.1.10", "RSASSA-PSS"),
        ("1.2.840.10045.2.1", "EC"),
        ("1.3.101.110", "1.3.101.110"),
        ("1.3.101.113", "1.3.101.113"),
        // RSAES-OAEP, and the algorithm of a signature instead of a key.
        ("1.2.840.113549.1.1.7", "1.2.840.113549.1.1.7"),
        ("1.2.840.113549.1.1.11", "1.2.840.113549.1.1.11"),
    ] {
        let verdict = world.leaf(|leaf| {
            leaf.subject_public_key_info.algorithm = AlgorithmIdentifierOwned {
                oid: ObjectIdentifier::new(oid).unwrap(),
                parameters: None,
            };
        });
        assert_eq!(policy(verdict), PolicyError::NotRsa { found: name.into() });
    }
}

/// RSA keys that are too short, too long or malformed.
#[test]
fn key_sizes_and_exponents() {
    let world = World::new();
    let with =
        |modulus: &[u8], exponent: &[u8]| world.leaf(|leaf| set_rsa(leaf, modulus, exponent));
    let bits = |bits: usize| {
        let mut modulus = vec![0xff; bits.div_ceil(8)];
        if !bits.is_multiple_of(8) {
            modulus[0] = (1 << (bits % 8)) - 1;
        }
        modulus
    };
    let f4 = &[1, 0, 1];
    for size in [8, 512, 768, 1024, 1536, 2047, 8193, 16384] {
        let error = policy(with(&bits(size), f4));
        assert_eq!(error, PolicyError::KeySize { found: size });
    }
    for size in [2048, 4096, 8192] {
        with(&bits(size), f4).unwrap();
    }
    for (exponent, found) in [
        (vec![0], Some(0)),
        (vec![1], Some(1)),
        (vec![2], Some(2)),
        (vec![3], Some(3)),
        (vec![1, 0, 0], Some(65_536)),
        (vec![2, 0, 0, 0, 1], Some((1 << 33) + 1)),
        (vec![0x7f; 8], Some(0x7f7f_7f7f_7f7f_7f7f)),
        (vec![0xff; 9], None),
        (vec![0xff; 256], None),
    ] {
        let error = policy(with(&bits(2048), &exponent));
        assert_eq!(error, PolicyError::KeyExponent { found });
    }
    // Bytes that are not an RSAPublicKey, trailing bytes, and negative numbers.
    for key in [
        vec![],
        vec![0x30, 0x00],
        vec![0x05, 0x00],
        vec![0x30, 0x03, 0x02, 0x01, 0x03],
        vec![0x30, 0x06, 0x02, 0x01, 0xff, 0x02, 0x01, 0xff],
    ] {
        let verdict = world.leaf(|leaf| {
            leaf.subject_public_key_info.subject_public_key = BitString::from_bytes(&key).unwrap();
        });
        assert!(verdict.is_err(), "{key:?}");
    }
    let verdict = world.leaf(|leaf| {
        let key = &mut leaf.subject_public_key_info.subject_public_key;
        let longer = [key.as_bytes().unwrap(), &[0x05, 0x00]].concat();
        *key = BitString::from_bytes(&longer).unwrap();
    });
    assert!(verdict.is_err());
}

/// Certificates that name a broken signature algorithm. The signature itself is not checked.
#[test]
fn sha1_and_md5() {
    let world = World::new();
    let leaf = world.ca.issue();
    for oid in [
        // MD2, MD4, MD5 and SHA-1 with RSA; SHA-1 with ECDSA and with DSA; RSASSA-PSS; SHA-224; Ed25519; none.
        "1.2.840.113549.1.1.2",
        "1.2.840.113549.1.1.3",
        "1.2.840.113549.1.1.4",
        "1.2.840.113549.1.1.5",
        "1.3.14.3.2.29",
        "1.2.840.10045.4.1",
        "1.2.840.10040.4.3",
        "1.2.840.113549.1.1.10",
        "1.2.840.113549.1.1.14",
        "1.3.101.112",
        "1.3.6.1.5.5.7.6.2",
    ] {
        let weak = |parameters| AlgorithmIdentifierOwned {
            oid: ObjectIdentifier::new(oid).unwrap(),
            parameters,
        };
        for algorithm in [weak(None), weak(Some(Any::from(Null)))] {
            // In both places, so that the signature covers the named algorithm; then in one.
            let verdict = world.leaf(|leaf| leaf.signature = algorithm.clone());
            assert_eq!(path(verdict), PathError::SignatureAlgorithm, "{oid}");
            let verdict = world.ca(|ca| ca.signature = algorithm.clone());
            assert_eq!(path(verdict), PathError::SignatureAlgorithm, "{oid}");
            let outside = resigned(&leaf, |leaf| leaf.signature_algorithm = algorithm.clone());
            assert!(world.verify(&outside, &[&world.ca_der]).is_err());
            let inside = resigned(&leaf, |leaf| {
                leaf.tbs_certificate.signature = algorithm.clone();
            });
            assert!(world.verify(&inside, &[&world.ca_der]).is_err());
        }
    }
    // No signature at all.
    let none = resigned(&leaf, |leaf| {
        leaf.signature = BitString::from_bytes(&[]).unwrap();
    });
    assert_eq!(path(world.verify(&none, &[&world.ca_der])), PathError::Signature);
}

/// An unknown critical extension in a signing certificate and in an issuer, and one that is not critical.
#[test]
fn unknown_extensions() {
    let world = World::new();
    let unknown = |critical: bool| {
        move |tbs: &mut TbsCertificate| {
            extensions(tbs).push(extension("1.3.6.1.4.1.99999.1", critical, vec![5, 0]));
        }
    };
    assert_eq!(path(world.leaf(unknown(true))), PathError::Extension);
    assert_eq!(path(world.ca(unknown(true))), PathError::Extension);
    world.leaf(unknown(false)).unwrap();
    world.ca(unknown(false)).unwrap();
    // The twin without the extension is found.
    let odd = world.root.certify_with(&world.ca, unknown(true));
    for issuers in [[&odd, &world.ca_der], [&world.ca_der, &odd]] {
        world.verify(&world.ca.issue(), &issuers).unwrap();
    }
}

/// The names that a CA may issue for.
#[test]
fn name_constraints() {
    let world = World::new();
    let constrained =
        |der: &[u8]| world.ca(|ca| extensions(ca).push(extension("2.5.29.30", true, der.to_vec())));
    // permittedSubtrees: microsoft.com; then example.com.
    constrained(b"\x30\x13\xa0\x11\x30\x0f\x82\x0dmicrosoft.com").unwrap();
    let other = constrained(b"\x30\x11\xa0\x0f\x30\x0d\x82\x0bexample.com");
    assert_eq!(path(other), PathError::NameConstraint);
    // excludedSubtrees: microsoft.com.
    let excluded = constrained(b"\x30\x13\xa1\x11\x30\x0f\x82\x0dmicrosoft.com");
    assert_eq!(path(excluded), PathError::NameConstraint);
}

fn set_empty(tbs: &mut TbsCertificate, oid: &str) {
    unset(tbs, oid);
    extensions(tbs).push(extension(oid, true, vec![0x30, 0x00]));
}

fn set_rsa(tbs: &mut TbsCertificate, modulus: &[u8], exponent: &[u8]) {
    use x509_cert::der::asn1::Uint;
    let key = vec![Uint::new(modulus).unwrap(), Uint::new(exponent).unwrap()];
    tbs.subject_public_key_info = SubjectPublicKeyInfoOwned {
        algorithm: tbs.subject_public_key_info.algorithm.clone(),
        subject_public_key: BitString::from_bytes(&key.to_der().unwrap()).unwrap(),
    };
}

fn name_of(attributes: &[(&str, Tag, &[u8])]) -> Name {
    let rdn = |(oid, tag, value): &(&str, Tag, &[u8])| {
        let attribute = AttributeTypeAndValue {
            oid: ObjectIdentifier::from_str(oid).unwrap(),
            value: Any::new(*tag, *value).unwrap(),
        };
        RelativeDistinguishedName(SetOfVec::try_from(vec![attribute]).unwrap())
    };
    RdnSequence(attributes.iter().map(rdn).collect())
}

/// A certificate, altered after it was signed.
fn resigned(
    certificate: &CertificateDer<'_>,
    alter: impl FnOnce(&mut Certificate),
) -> CertificateDer<'static> {
    let mut certificate = parse(certificate);
    alter(&mut certificate);
    CertificateDer::from(certificate.to_der().unwrap())
}
