//! Client authentication as Entra checks it: by secret, by client assertion, or none for a public client.
//!
//! Each refusal has Entra's own number (`AADSTS…`) and wording, because operators search for them.
//!
//! # Source
//!
//! "OAuth 2.0 client credentials flow", "Microsoft identity platform application authentication certificate credentials",
//! "Microsoft Entra authentication and authorization error codes"; RFC 7521 and 7523.

use std::collections::HashMap;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{RSA_PSS_2048_8192_SHA256, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls_pki_types::CertificateDer;
use serde_json::Value;
use time::OffsetDateTime;
use uuid::Uuid;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;

use crate::testing::loopback::response::{ErrorBody, Refusal};

/// The configuration of a client.
pub(super) struct Credentials {
    pub(super) tenant_id: String,
    pub(super) client_id: String,
    pub(super) client_secret: String,
    pub(super) refresh_token: String,
}

/// The credentials that the application is accepted with, beside its secret.
#[derive(Default)]
pub(super) struct Client {
    pub(super) certificates: Vec<CertificateDer<'static>>,
    pub(super) federated_token: Option<String>,
    pub(super) is_public: bool,
}

impl Client {
    /// Authenticates the client by its secret or assertion, or without either if it is public.
    pub(super) fn authenticate(
        &self,
        form: &HashMap<String, String>,
        credentials: &Credentials,
        endpoint: &str,
        now: OffsetDateTime,
    ) -> Result<(), Refusal> {
        let grant_type = form.get("grant_type").map(String::as_str);
        let is_delegated = grant_type == Some("refresh_token");
        let (secret, assertion) = (form.get("client_secret"), form.get("client_assertion"));
        match (secret, assertion) {
            (None, None) if self.is_public && is_delegated => Ok(()),
            (None, None) => {
                let reason = "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.";
                Err(invalid(7_000_218, reason))
            }
            _ if self.is_public => {
                let reason = "Client is public so neither 'client_assertion' nor 'client_secret' should be presented.";
                Err(invalid(700_025, reason))
            }
            (_, Some(assertion)) => match form.get("client_assertion_type") {
                Some(sent) if sent == JWT_BEARER => {
                    self.check(assertion, &credentials.client_id, endpoint, now)
                }
                _ => {
                    let reason = "The request body must contain the following parameter: 'client_assertion_type'.";
                    Err(refusal("invalid_request", 900_144, reason))
                }
            },
            (Some(secret), None) if *secret == credentials.client_secret => Ok(()),
            (Some(_), None) => {
                let id = &credentials.client_id;
                let reason = format!("Invalid client secret provided for app '{id}'.");
                Err(invalid(7_000_215, reason))
            }
        }
    }

    /// Checks an `assertion` of application `client_id` for the token endpoint `audience`.
    fn check(
        &self,
        assertion: &str,
        client_id: &str,
        audience: &str,
        now: OffsetDateTime,
    ) -> Result<(), Refusal> {
        if self.federated_token.as_deref() == Some(assertion) {
            return Ok(());
        }
        let malformed = || invalid(50_027, "JWT token is invalid or malformed.");
        let (signed, signature) = assertion.rsplit_once('.').ok_or_else(malformed)?;
        let (header, claims) = signed.split_once('.').ok_or_else(malformed)?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok();
        let (Some(header), Some(claims), Some(signature)) =
            (object(header), object(claims), signature)
        else {
            return Err(malformed());
        };
        if header.get("typ") != Some(&"JWT".into()) {
            return Err(malformed());
        }
        self.check_signature(&header, signed, &signature, now)?;

        let claim = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default();
        if claim("aud") != audience {
            return Err(invalid(
                700_023,
                "Client assertion audience claim does not match Realm issuer.",
            ));
        }
        if claim("iss") != client_id || claim("sub") != client_id {
            return Err(invalid(
                700_021,
                "Client assertion application identifier doesn't match 'client_id' parameter.",
            ));
        }
        let second = |name: &str| claims.get(name).and_then(Value::as_i64);
        let now = now.unix_timestamp();
        let is_valid = second("nbf").is_some_and(|start| start <= now)
            && second("exp")
                .is_some_and(|expiry| now < expiry && expiry <= now.saturating_add(MAX_LIFETIME));
        if !is_valid {
            return Err(invalid(700_024, "Client assertion is not within its valid time range."));
        }
        // An assertion may be reused until it expires.
        Uuid::parse_str(claim("jti")).map_err(|_| malformed())?;
        Ok(())
    }

    /// Checks that a certificate of the application signed the assertion.
    fn check_signature(
        &self,
        header: &Value,
        signed: &str,
        signature: &[u8],
        now: OffsetDateTime,
    ) -> Result<(), Refusal> {
        let named = header.get("x5t#S256").and_then(Value::as_str);
        let named = named.unwrap_or_default();
        let thumbprint =
            |certificate: &CertificateDer<'_>| URL_SAFE_NO_PAD.encode(digest(&SHA256, certificate));
        let mut certificates = self.certificates.iter();
        let certificate = certificates.find(|each| thumbprint(each) == named);
        let parsed = certificate.and_then(|der| X509Certificate::from_der(der).ok());
        let Some((_, certificate)) = parsed else {
            let reason = format!(
                "The certificate with identifier used to sign the client assertion is not registered on application. \
                 [Reason - The key was not found., Thumbprint of key used by client: '{named}']"
            );
            return Err(invalid(700_027, reason));
        };
        if certificate.validity().not_after.timestamp() < now.unix_timestamp() {
            let reason = "Client assertion contains an invalid signature. [Reason - The key used is expired.]";
            return Err(invalid(700_027, reason));
        }
        let key = &certificate.public_key().subject_public_key.data;
        let key = UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, key);
        let is_signed = header.get("alg") == Some(&"PS256".into())
            && key.verify(signed.as_bytes(), signature).is_ok();
        match is_signed {
            true => Ok(()),
            false => Err(invalid(
                700_027,
                "Client assertion contains an invalid signature. [Reason - The provided signature value did not match \
                 the expected signature value.]",
            )),
        }
    }
}

/// A part of a JWT: base64url of a JSON object.
fn object(part: &str) -> Option<Value> {
    let json = URL_SAFE_NO_PAD.decode(part).ok()?;
    serde_json::from_slice(&json).ok().filter(Value::is_object)
}

/// The client is not authenticated: 401.
fn invalid(code: u32, reason: impl Into<String>) -> Refusal {
    entra(401, "invalid_client", code, reason)
}

/// A refusal of a token request.
pub(super) fn refusal(error: &'static str, code: u32, reason: impl Into<String>) -> Refusal {
    entra(400, error, code, reason)
}

fn entra(status: u16, error: &'static str, code: u32, reason: impl Into<String>) -> Refusal {
    let body = ErrorBody::Entra { error, code, description: reason.into() };
    Refusal::new(status, body)
}

/// RFC 7523, section 2.2.
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// In seconds: "5-10 minutes after nbf at most", although Entra does not enforce a limit.
const MAX_LIFETIME: i64 = 10 * 60;
