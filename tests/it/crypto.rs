//! Signing keys: both backends accept the same keys, and each verifies the signatures of the other.

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{RSA_PSS_2048_8192_SHA256, UnparsedPublicKey};
use partner_center_webhooks::crypto::{AwsLcRs, Backend, RustCrypto};
use rsa::pkcs1::{DecodeRsaPublicKey as _, EncodeRsaPrivateKey as _};
use rsa::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _};
use rsa::rand_core::OsRng;
use rsa::traits::PrivateKeyParts as _;
use rsa::{Pss, RsaPrivateKey, RsaPublicKey};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer};
use sha2::{Digest as _, Sha256};

const BACKENDS: [&dyn Backend; 2] = [&AwsLcRs::new(), &RustCrypto::new()];

/// A key of this size as PKCS#8.
fn key(size: KeySize) -> Vec<u8> {
    let pair = KeyPair::generate(size).unwrap();
    let der: Pkcs8V1Der<'_> = pair.as_der().unwrap();
    der.as_ref().to_vec()
}

fn pkcs8(der: &[u8]) -> PrivateKeyDer<'_> {
    PrivatePkcs8KeyDer::from(der).into()
}

fn pkcs1(der: &[u8]) -> PrivateKeyDer<'_> {
    PrivatePkcs1KeyDer::from(der).into()
}

fn both_verify(public_key: &[u8], message: &[u8], signature: &[u8]) -> [bool; 2] {
    let by_aws = UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, public_key);
    let by_rust = RsaPublicKey::from_pkcs1_der(public_key).unwrap();
    let hashed = Sha256::digest(message);
    [
        by_aws.verify(message, signature).is_ok(),
        by_rust.verify(Pss::new::<Sha256>(), &hashed, signature).is_ok(),
    ]
}

#[test]
fn both_backends_verify_the_signatures_of_each() {
    for size in [KeySize::Rsa2048, KeySize::Rsa4096] {
        let first = key(size);
        let private = RsaPrivateKey::from_pkcs8_der(&first).unwrap();
        let second = private.to_pkcs1_der().unwrap();
        for backend in BACKENDS {
            for der in [pkcs8(&first), pkcs1(second.as_bytes())] {
                let key = backend.rsa_signing_key(&der).unwrap();
                let signature = key.sign_ps256(b"message").unwrap();
                assert_eq!(signature.len(), size.len());
                let verify = |message: &[u8]| both_verify(key.public_key(), message, &signature);
                assert_eq!(verify(b"message"), [true; 2], "{backend:?}");
                assert_eq!(verify(b"massage"), [false; 2], "{backend:?}");
                // The salt is new each time.
                assert_ne!(key.sign_ps256(b"message").unwrap(), signature);
                let exponent = format!("{:?}", private.d());
                assert!(!format!("{key:?}").contains(&exponent), "{backend:?}");
            }
        }
    }
}

#[test]
fn both_backends_refuse_the_same_keys() {
    let good = key(KeySize::Rsa2048);
    let small = RsaPrivateKey::new(&mut OsRng, 1024).unwrap();
    let almost = RsaPrivateKey::new(&mut OsRng, 2040).unwrap();
    let [small, almost] = [small, almost].map(|key| key.to_pkcs8_der().unwrap());
    let elliptic = PrivateSec1KeyDer::from(&good[..]);
    for backend in BACKENDS {
        for (what, der) in [
            ("1024 bits", pkcs8(small.as_bytes())),
            ("2040 bits", pkcs8(almost.as_bytes())),
            ("PKCS#8 as PKCS#1", pkcs1(&good)),
            ("elliptic", elliptic.clone_key().into()),
            ("cut", pkcs8(&good[..good.len() - 1])),
            ("empty", pkcs8(b"")),
        ] {
            let error = backend.rsa_signing_key(&der).unwrap_err();
            assert_eq!(
                error.to_string(),
                "the private key is not an unencrypted RSA key of 2048 to 8192 bits (expected PKCS#8 or PKCS#1)",
                "{backend:?}: {what}"
            );
        }
    }
}
