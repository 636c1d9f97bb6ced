//! Both crypto backends judge every Wycheproof signature alike, and as Wycheproof says; and they take the same keys.
#![expect(clippy::expect_used, reason = "the helpers of tests may fail like tests")]

use partner_center_webhooks::crypto::{AwsLcRs, Backend, RustCrypto};
use partner_center_webhooks::envelope::SignatureAlgorithm::{
    self, RsaSha256, RsaSha384, RsaSha512,
};
use rustls_pki_types::{AlgorithmIdentifier, SignatureVerificationAlgorithm, alg_id};
use wycheproof::TestResult;
use wycheproof::ecdsa::TestName::{
    EcdsaSecp256r1Sha256, EcdsaSecp384r1Sha256, EcdsaSecp384r1Sha384,
};
use wycheproof::rsa_pkcs1_verify::TestName::{
    Rsa2048Sha256, Rsa2048Sha384, Rsa2048Sha512, Rsa3072Sha256, Rsa3072Sha384, Rsa3072Sha512,
    Rsa4096Sha256, Rsa4096Sha384, Rsa4096Sha512, Rsa8192Sha256, Rsa8192Sha384, Rsa8192Sha512,
};
use wycheproof::{ecdsa, rsa_pkcs1_verify};

const BACKENDS: [&dyn Backend; 2] = [&AwsLcRs::new(), &RustCrypto::new()];

/// Each set with how many of its tests are to be accepted and refused. Wycheproof leaves one open in each: a
/// DigestInfo without the NULL of its algorithm (`MissingNull`), which RFC 8017, appendix A.2.4, lets a verifier accept.
/// It is not what signers write, and both backends compare with what they do: it is refused.
#[test]
fn body_signatures() {
    for (set, algorithm, accepted, refused) in [
        (Rsa2048Sha256, RsaSha256, 9, 250),
        (Rsa2048Sha384, RsaSha384, 7, 251),
        (Rsa2048Sha512, RsaSha512, 8, 251),
        (Rsa3072Sha256, RsaSha256, 8, 251),
        (Rsa3072Sha384, RsaSha384, 7, 252),
        (Rsa3072Sha512, RsaSha512, 8, 252),
        (Rsa4096Sha256, RsaSha256, 7, 251),
        (Rsa4096Sha384, RsaSha384, 7, 252),
        (Rsa4096Sha512, RsaSha512, 7, 252),
        (Rsa8192Sha256, RsaSha256, 7, 251),
        (Rsa8192Sha384, RsaSha384, 7, 252),
        (Rsa8192Sha512, RsaSha512, 7, 252),
    ] {
        for backend in BACKENDS {
            let counted = count_rsa(set, algorithm, backend);
            assert_eq!(counted, (accepted, refused), "{set:?} under {backend:?}");
        }
    }
}

/// The same signatures as a certificate carries them.
#[test]
fn certificate_signatures_of_rsa() {
    for (set, signature, accepted, refused) in [
        (Rsa2048Sha256, alg_id::RSA_PKCS1_SHA256, 9, 250),
        (Rsa2048Sha384, alg_id::RSA_PKCS1_SHA384, 7, 251),
        (Rsa2048Sha512, alg_id::RSA_PKCS1_SHA512, 8, 251),
        (Rsa4096Sha384, alg_id::RSA_PKCS1_SHA384, 7, 252),
    ] {
        for backend in BACKENDS {
            let algorithm = certificate_algorithm(backend, alg_id::RSA_ENCRYPTION, signature);
            let mut counted = (0, 0);
            for group in rsa_set(set).test_groups {
                for test in group.tests {
                    let verdict = algorithm.verify_signature(&group.asn_key, &test.msg, &test.sig);
                    let about = format!("{set:?} {} under {backend:?}", test.tc_id);
                    count(verdict.is_ok(), test.result, &mut counted, &about);
                }
            }
            assert_eq!(counted, (accepted, refused), "{set:?} under {backend:?}");
        }
    }
}

/// A certificate carries an ECDSA signature as DER (RFC 5480, appendix A), and nothing but DER is accepted.
#[test]
fn certificate_signatures_of_ecdsa() {
    let p256 = alg_id::ECDSA_P256;
    let p384 = alg_id::ECDSA_P384;
    for (set, public_key, signature, accepted, refused) in [
        (EcdsaSecp256r1Sha256, p256, alg_id::ECDSA_SHA256, 174, 310),
        (EcdsaSecp384r1Sha256, p384, alg_id::ECDSA_SHA256, 162, 310),
        (EcdsaSecp384r1Sha384, p384, alg_id::ECDSA_SHA384, 194, 310),
    ] {
        for backend in BACKENDS {
            let algorithm = certificate_algorithm(backend, public_key, signature);
            let mut counted = (0, 0);
            let set_of_tests = ecdsa::TestSet::load(set).expect("the set can be read");
            for group in set_of_tests.test_groups {
                for test in group.tests {
                    let verdict = algorithm.verify_signature(&group.key.key, &test.msg, &test.sig);
                    let about = format!("{set:?} {} under {backend:?}", test.tc_id);
                    count(verdict.is_ok(), test.result, &mut counted, &about);
                }
            }
            assert_eq!(counted, (accepted, refused), "{set:?} under {backend:?}");
        }
    }
}

#[test]
fn certificate_algorithms_are_the_same_in_both() {
    let [of_aws_lc_rs, of_rustcrypto] = BACKENDS.map(|backend| {
        let ids = |algorithm: &&dyn SignatureVerificationAlgorithm| {
            (algorithm.public_key_alg_id(), algorithm.signature_alg_id())
        };
        backend.certificate_algorithms().iter().map(ids).collect::<Vec<_>>()
    });
    assert_eq!(of_aws_lc_rs, of_rustcrypto);
    assert_eq!(of_aws_lc_rs.len(), 7);
}

#[test]
fn keys_are_taken_or_refused_by_both() {
    let odd = |bits| Number::with_bits(bits);
    let even = |bits| Number::with_bits(bits).even();
    let small = Number::of;
    for (modulus, exponent, taken) in [
        // The modulus.
        (odd(1024), small(65537), false),
        (odd(2040), small(65537), false),
        (odd(2047), small(65537), false),
        (odd(2048), small(65537), true),
        (odd(2049), small(65537), true),
        (odd(3072), small(65537), true),
        (odd(8191), small(65537), true),
        (odd(8192), small(65537), true),
        (odd(8193), small(65537), false),
        (odd(16384), small(65537), false),
        (even(2048), small(65537), false),
        (small(0), small(65537), false),
        // The exponent. Both take 3, as Wycheproof asks: that a certificate has a larger one is the chain's policy.
        (odd(2048), small(0), false),
        (odd(2048), small(1), false),
        (odd(2048), small(2), false),
        (odd(2048), small(3), true),
        (odd(2048), small(4), false),
        (odd(2048), small(65536), false),
        (odd(2048), small((1 << 33) - 1), true),
        (odd(2048), small(1 << 33), false),
        (odd(2048), small((1 << 33) + 1), false),
        (odd(2048), odd(2048), false),
    ] {
        let about = format!("{} bits, exponent {exponent:?}", modulus.bits());
        let key = sequence(&[modulus.der(), exponent.der()].concat());
        assert_taken(&key, taken, &about);
    }
}

#[test]
fn a_key_is_der_and_nothing_else() {
    let modulus = Number::with_bits(2048);
    let exponent = Number::of(65537).der();
    let good = [modulus.der(), exponent.clone()].concat();
    assert_taken(&sequence(&good), true, "good");

    let padded = tlv(INTEGER, &[&[0, 0], modulus.0.as_slice()].concat());
    let negative = tlv(INTEGER, &modulus.0);
    let long_length = [&[INTEGER, 0x81, 3], [1, 0, 1].as_slice()].concat();
    let rsa_encryption = [0x30, 0x0d, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0];
    let bits = tlv(0x03, &[&[0], sequence(&good).as_slice()].concat());
    for (about, key) in [
        ("nothing", Vec::new()),
        ("no DER", b"key".to_vec()),
        ("bytes behind", [sequence(&good), vec![0]].concat()),
        ("a third number", sequence(&[good.clone(), exponent.clone()].concat())),
        ("no exponent", sequence(&modulus.der())),
        ("cut short", sequence(&good).split_last().expect("it is long").1.to_vec()),
        ("a padded modulus", sequence(&[padded, exponent.clone()].concat())),
        ("a negative modulus", sequence(&[negative, exponent.clone()].concat())),
        ("a length that is not minimal", sequence(&[modulus.der(), long_length].concat())),
        ("a SubjectPublicKeyInfo", sequence(&[rsa_encryption.to_vec(), bits].concat())),
    ] {
        assert_taken(&key, false, about);
    }
}

fn count_rsa(
    set: rsa_pkcs1_verify::TestName,
    algorithm: SignatureAlgorithm,
    backend: &dyn Backend,
) -> (usize, usize) {
    let mut counted = (0, 0);
    for group in rsa_set(set).test_groups {
        let key = backend.rsa_key(&group.asn_key).expect("the key is good");
        for test in group.tests {
            let sha256 = backend.sha256(&test.msg);
            let verdict = key.verify(algorithm, &test.msg, &sha256, &test.sig);
            let about = format!("{set:?} {} under {backend:?}", test.tc_id);
            count(verdict.is_ok(), test.result, &mut counted, &about);
        }
    }
    counted
}

fn rsa_set(set: rsa_pkcs1_verify::TestName) -> rsa_pkcs1_verify::TestSet {
    rsa_pkcs1_verify::TestSet::load(set).expect("the set can be read")
}

#[track_caller]
fn count(is_accepted: bool, expected: TestResult, counted: &mut (usize, usize), about: &str) {
    assert_eq!(is_accepted, expected == TestResult::Valid, "{about}");
    match is_accepted {
        true => counted.0 += 1,
        false => counted.1 += 1,
    }
}

#[track_caller]
fn certificate_algorithm(
    backend: &dyn Backend,
    public_key: AlgorithmIdentifier,
    signature: AlgorithmIdentifier,
) -> &'static dyn SignatureVerificationAlgorithm {
    *backend
        .certificate_algorithms()
        .iter()
        .find(|each| (each.public_key_alg_id(), each.signature_alg_id()) == (public_key, signature))
        .expect("the backend has the algorithm")
}

#[track_caller]
fn assert_taken(key: &[u8], taken: bool, about: &str) {
    for backend in BACKENDS {
        let found = backend.rsa_key(key).is_ok();
        assert_eq!(found, taken, "{about}, under {backend:?}");
    }
}

/// A positive number, big endian, without leading zeros.
#[derive(Debug)]
struct Number(Vec<u8>);

impl Number {
    fn of(value: u64) -> Self {
        let zeros = usize::try_from(value.leading_zeros() / 8).expect("it is at most 8");
        Self(value.to_be_bytes().split_at(zeros).1.to_vec())
    }

    /// An odd one with so many bits, all of them set.
    fn with_bits(bits: usize) -> Self {
        let mut bytes = vec![0xff; bits.div_ceil(8)];
        if let Some(first) = bytes.first_mut() {
            *first >>= (8 - bits % 8) % 8;
        }
        Self(bytes)
    }

    fn even(mut self) -> Self {
        if let Some(last) = self.0.last_mut() {
            *last &= 0xfe;
        }
        self
    }

    fn bits(&self) -> usize {
        let zeros = self.0.first().map_or(0, |first| first.leading_zeros());
        self.0.len() * 8 - usize::try_from(zeros).expect("it is at most 8")
    }

    fn der(&self) -> Vec<u8> {
        match self.0.first() {
            Some(0..=0x7f) => tlv(INTEGER, &self.0),
            _ => tlv(INTEGER, &[&[0], self.0.as_slice()].concat()),
        }
    }
}

fn sequence(content: &[u8]) -> Vec<u8> {
    tlv(0x30, content)
}

fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).expect("it is short");
    let [high, low] = length.to_be_bytes();
    let header = match length {
        0..=0x7f => vec![tag, low],
        0x80..=0xff => vec![tag, 0x81, low],
        _ => vec![tag, 0x82, high, low],
    };
    [header.as_slice(), content].concat()
}

const INTEGER: u8 = 0x02;
