//! How an application authenticates to an Entra on loopback: with a secret, a certificate, a federated token, or not at all.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{Method, Response};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use partner_center_webhooks::Excerpt;
use partner_center_webhooks::crypto::{AwsLcRs, Backend, RustCrypto};
use partner_center_webhooks::http_client::ReqwestClient;
use partner_center_webhooks::testing::Signer;
use partner_center_webhooks::testing::partner_center::{Fault, PartnerCenter};
use partner_center_webhooks::token::{
    AccessToken, Application, ApplicationError, ClientCredentials, Credential, RefreshToken,
    SecretString, TokenError, TokenProvider, TokenRequest,
};
use rsa::RsaPrivateKey;
use rsa::pkcs1::EncodeRsaPrivateKey as _;
use rsa::pkcs8::DecodePrivateKey as _;
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject as _;
use serde_json::{Value, json};
use time::OffsetDateTime;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;

use crate::support::{ISSUER, NOW};

/// The certificates of the application, and of another application.
static SIGNERS: LazyLock<[Signer; 2]> = LazyLock::new(|| {
    [(); 2].map(|()| {
        let certificate = ISSUER.signing_certificate().new_key().unwrap();
        certificate.self_signed().unwrap()
    })
});

const BACKENDS: [&dyn Backend; 2] = [&AwsLcRs::new(), &RustCrypto::new()];

fn now() -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(NOW.as_secs().try_into().unwrap()).unwrap()
}

/// An Entra that accepts each token once.
async fn entra() -> PartnerCenter {
    let entra = PartnerCenter::start().await.unwrap();
    entra.set_clock(now);
    entra.configure(|quirks| quirks.token_lifetime = Duration::ZERO);
    entra
}

fn application(entra: &PartnerCenter, credential: impl Into<Credential>) -> Application {
    let (tenant, client_id) = (entra.tenant_id(), entra.client_id());
    Application::new(&entra.cloud(), &tenant, client_id, credential).unwrap().with_clock(now)
}

/// Tokens of the application on its own.
fn alone(entra: &PartnerCenter, credential: impl Into<Credential>) -> ClientCredentials {
    let client = ReqwestClient::new().unwrap();
    ClientCredentials::new(application(entra, credential), client)
}

/// Tokens of the application for a user.
fn for_user(entra: &PartnerCenter, credential: impl Into<Credential>) -> RefreshToken {
    let client = ReqwestClient::new().unwrap();
    let application = application(entra, credential);
    RefreshToken::new(application, entra.refresh_token(), client, async |_| Ok(()))
}

async fn ask(entra: &PartnerCenter, tokens: &dyn TokenProvider) -> Result<AccessToken, TokenError> {
    let scope = format!("{}/.default", entra.base_url());
    tokens.token(TokenRequest::new(&scope)).await
}

/// Entra's description of a permanent refusal.
async fn refusal(entra: &PartnerCenter, tokens: &dyn TokenProvider) -> String {
    let error = ask(entra, tokens).await.unwrap_err();
    assert!(!error.is_transient(), "{error}");
    match error {
        TokenError::Refused(refusal) => refusal.description.to_string(),
        other => panic!("{other}"),
    }
}

/// The fields of the last token request.
fn form(entra: &PartnerCenter) -> Vec<(String, String)> {
    entra.requests().pop().unwrap().form()
}

fn names(form: &[(String, String)]) -> Vec<&str> {
    form.iter().map(|(name, _)| &**name).collect()
}

fn pkcs8(signer: &Signer) -> PrivatePkcs8KeyDer<'static> {
    let pem = signer.private_key_pem().unwrap();
    PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()).unwrap()
}

fn pkcs1(signer: &Signer) -> Vec<u8> {
    let key = RsaPrivateKey::from_pkcs8_der(pkcs8(signer).secret_pkcs8_der()).unwrap();
    key.to_pkcs1_der().unwrap().as_bytes().to_vec()
}

fn thumbprint(signer: &Signer) -> String {
    URL_SAFE_NO_PAD.encode(AwsLcRs::new().sha256(signer.certificate()))
}

#[tokio::test]
async fn entra_accepts_an_assertion_signed_with_a_certificate() {
    let entra = entra().await;
    let [signer, _] = &*SIGNERS;
    entra.trust_certificate(signer.certificate());
    let (_, certificate) = X509Certificate::from_der(signer.certificate()).unwrap();
    let public_key = DecodingKey::from_rsa_der(&certificate.public_key().subject_public_key.data);
    let url = format!("{}/{}/oauth2/v2.0/token", entra.base_url(), entra.tenant_id());
    let mut validation = Validation::new(Algorithm::PS256);
    validation.set_audience(&[&url]);
    validation.validate_exp = false;

    let pem = signer.private_key_pem().unwrap() + &signer.certificate_pem();
    let mut ids = Vec::new();
    for backend in BACKENDS {
        for (certificate, key) in [
            (pem.as_bytes(), pem.as_bytes()),
            (signer.certificate(), pkcs8(signer).secret_pkcs8_der()),
            (signer.certificate(), &pkcs1(signer)),
        ] {
            let credential = Credential::certificate(backend, certificate, key).unwrap();
            let own = alone(&entra, credential.clone());
            let user = for_user(&entra, credential);
            let both: [(&dyn TokenProvider, usize); 2] = [(&own, 1), (&user, 2)];
            for (tokens, grant) in both {
                ask(&entra, tokens).await.unwrap();
                let form = form(&entra);
                assert_eq!(
                    names(&form)[grant..],
                    ["client_id", "client_assertion_type", "client_assertion", "scope"]
                );
                assert_eq!(
                    form[grant + 1].1,
                    "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
                );
                let assertion = &form[grant + 2].1;
                let decoded =
                    jsonwebtoken::decode::<Value>(assertion, &public_key, &validation).unwrap();
                assert_eq!(decoded.header.typ.as_deref(), Some("JWT"));
                assert_eq!(decoded.header.x5t_s256, Some(thumbprint(signer)));
                let (now, id) = (now().unix_timestamp(), &decoded.claims["jti"]);
                let client_id = entra.client_id();
                assert_eq!(
                    decoded.claims,
                    json!({
                        "aud": url, "iss": client_id, "sub": client_id, "jti": id,
                        "iat": now, "nbf": now, "exp": now + 600,
                    })
                );
                assert!(!ids.contains(id), "{id}");
                ids.push(id.clone());
            }
        }
    }
}

#[test]
fn a_key_of_another_certificate_is_refused() {
    let [signer, other] = &*SIGNERS;
    let certificate = signer.certificate_pem();
    for backend in BACKENDS {
        let key = other.private_key_pem().unwrap();
        let error = Credential::certificate(backend, certificate.as_bytes(), key.as_bytes());
        let error = error.unwrap_err();
        assert!(matches!(error, ApplicationError::KeyMismatch { .. }), "{error:?}");
        let said = error.to_string();
        assert!(
            said.starts_with("the private key does not belong to the certificate of `")
                && said.contains("CN=pcnotifications-dispatch.microsoft.com")
                && said.ends_with("` (expected the key that the certificate was issued for)"),
            "{said}"
        );
    }
}

#[test]
fn malformed_certificates_and_keys_are_refused() {
    let [signer, _] = &*SIGNERS;
    let (certificate, key) = (signer.certificate_pem(), signer.private_key_pem().unwrap());
    let (certificate, key) = (certificate.as_bytes(), key.as_bytes());
    let encrypted =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let elliptic = "-----BEGIN EC PRIVATE KEY-----\nMAA=\n-----END EC PRIVATE KEY-----\n";
    let der = signer.certificate();
    let longer = [der, &b"\0"[..]].concat();
    for backend in BACKENDS {
        let refusal = |certificate: &[u8], key: &[u8]| {
            Credential::certificate(backend, certificate, key).unwrap_err()
        };
        for key in [encrypted.as_bytes(), elliptic.as_bytes(), certificate, b""] {
            let error = refusal(certificate, key);
            assert!(matches!(error, ApplicationError::PrivateKey), "{error}");
        }
        for certificate in [key, b"", &longer, &der[..der.len() - 1]] {
            let error = refusal(certificate, key);
            assert_eq!(error, ApplicationError::Certificate);
            assert_eq!(
                error.to_string(),
                "the certificate cannot be read (expected one X.509 certificate in DER, or PEM with a `CERTIFICATE` \
                 block; a PKCS#12 file, `.pfx` or `.p12`, must be converted to PEM)"
            );
        }
    }
}

/// An assertion for the application from another library, with some claims replaced.
fn assertion(entra: &PartnerCenter, key: &Signer, named: &Signer, changes: Value) -> String {
    let mut header = Header::new(Algorithm::PS256);
    header.x5t_s256 = Some(thumbprint(named));
    let (base_url, tenant) = (entra.base_url(), entra.tenant_id());
    let now = now().unix_timestamp();
    let mut claims = json!({
        "aud": format!("{base_url}/{tenant}/oauth2/v2.0/token"),
        "iss": entra.client_id(),
        "sub": entra.client_id(),
        "jti": "9f0aa2d5-6b4c-4d0f-8f0e-4a6a3f0d9b11",
        "nbf": now,
        "exp": now + 300,
    });
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    let key = EncodingKey::from_rsa_der(&pkcs1(key));
    jsonwebtoken::encode(&header, &claims, &key).unwrap()
}

#[tokio::test]
async fn entra_refuses_wrong_assertions() {
    let entra = entra().await;
    let [signer, other] = &*SIGNERS;
    entra.trust_certificate(signer.certificate());
    let send = |assertion: &str| {
        let assertion = SecretString::from(assertion);
        alone(
            &entra,
            Credential::federated(move || {
                let assertion = assertion.clone();
                async { Ok(assertion) }
            }),
        )
    };
    let good = assertion(&entra, signer, signer, json!({}));
    ask(&entra, &send(&good)).await.unwrap();

    let now = now().unix_timestamp();
    let changed = |changes| assertion(&entra, signer, signer, changes);
    for (assertion, said) in [
        (
            assertion(&entra, other, signer, json!({})),
            "AADSTS700027: Client assertion contains an invalid signature.",
        ),
        (
            assertion(&entra, other, other, json!({})),
            "AADSTS700027: The certificate with identifier used to sign the client assertion is not registered",
        ),
        (changed(json!({"aud": entra.base_url()})), "AADSTS700023: "),
        (changed(json!({"iss": "somebody"})), "AADSTS700021: "),
        (changed(json!({"sub": null})), "AADSTS700021: "),
        (changed(json!({"exp": now})), "AADSTS700024: "),
        (changed(json!({"exp": now + 601})), "AADSTS700024: "),
        (changed(json!({"nbf": now + 1})), "AADSTS700024: "),
        (changed(json!({"jti": "1"})), "AADSTS50027: "),
        (format!("{good}A"), "AADSTS"),
        ("not a token".into(), "AADSTS50027: "),
        (String::new(), "AADSTS50027: "),
    ] {
        let found = refusal(&entra, &send(&assertion)).await;
        assert!(found.starts_with(said), "{said}: {found}");
    }
}

#[tokio::test]
async fn an_expired_certificate_is_left_to_entra() {
    let entra = entra().await;
    let signer = ISSUER.signing_certificate().expired().self_signed();
    let signer = signer.unwrap();
    entra.trust_certificate(signer.certificate());
    let key = signer.private_key_pem().unwrap();
    let credential =
        Credential::certificate(&AwsLcRs::new(), signer.certificate(), key.as_bytes()).unwrap();
    let found = refusal(&entra, &alone(&entra, credential)).await;
    assert!(
        found.starts_with("AADSTS700027: ") && found.contains("The key used is expired."),
        "{found}"
    );
}

/// A file that is removed when it is dropped.
struct TokenFile(PathBuf);

impl TokenFile {
    fn new(name: &str) -> Self {
        let name = format!("credentials-{}-{name}", std::process::id());
        Self(Path::new(env!("CARGO_TARGET_TMPDIR")).join(name))
    }

    fn write(&self, token: &str) {
        fs::write(&self.0, token).unwrap();
    }
}

impl Drop for TokenFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[tokio::test]
async fn a_rotated_federated_token_is_read_again() {
    let (entra, file) = (entra().await, TokenFile::new("rotated"));
    let tokens = alone(&entra, Credential::federated_token_file(&file.0));
    for token in ["federated.token.one", "federated.token.two"] {
        entra.trust_federated_token(token);
        file.write(&format!("{token}\n"));
        ask(&entra, &tokens).await.unwrap();
        assert_eq!(form(&entra)[3].1, token);
    }
    entra.trust_federated_token("federated.token.three");
    let found = refusal(&entra, &tokens).await;
    assert!(found.starts_with("AADSTS50027: "), "{found}");
    file.write("federated.token.three");
    ask(&entra, &tokens).await.unwrap();
}

#[tokio::test]
async fn a_federated_token_file_without_a_token_may_have_one_later() {
    let (entra, file) = (entra().await, TokenFile::new("late"));
    let tokens = alone(&entra, Credential::federated_token_file(&file.0));
    let path = Excerpt::of(file.0.to_str().unwrap());
    let long = "x".repeat(16 * 1024 + 2);
    for (content, said) in [
        (
            None,
            "could not be read: No such file or directory (os error 2) (expected the path that \
             `AZURE_FEDERATED_TOKEN_FILE` holds)",
        ),
        (
            Some(" \n"),
            "does not hold a token: it has 2 bytes (expected a JSON Web Token of at most 16384 bytes)",
        ),
        (
            Some(&long),
            "does not hold a token: it has 16385 bytes (expected a JSON Web Token of at most 16384 bytes)",
        ),
    ] {
        if let Some(content) = content {
            file.write(content);
        }
        let error = ask(&entra, &tokens).await.unwrap_err();
        assert!(error.is_transient(), "{error}");
        let TokenError::Provider(error) = error else {
            panic!("{error}");
        };
        let expected = format!("the federated token file `{path}` {said}");
        assert_eq!(error.to_string(), expected);
    }
    assert_eq!(entra.token_requests(), 0);
    entra.trust_federated_token("federated");
    file.write("federated");
    ask(&entra, &tokens).await.unwrap();
}

#[tokio::test]
async fn the_closure_is_called_for_each_request_and_can_fail() {
    let entra = entra().await;
    entra.trust_federated_token("federated.3");
    let calls = AtomicUsize::new(0);
    let tokens = alone(
        &entra,
        Credential::federated(move || {
            let call = calls.fetch_add(1, Ordering::SeqCst) + 1;
            async move {
                tokio::task::yield_now().await;
                match call {
                    1 => Err("the vault is closed".into()),
                    call => Ok(format!("federated.{call}").into()),
                }
            }
        }),
    );
    let error = ask(&entra, &tokens).await.unwrap_err();
    assert!(error.is_transient());
    assert_eq!(
        error.to_string(),
        "the token provider failed: there is no federated token: the vault is closed"
    );
    assert_eq!(entra.token_requests(), 0);
    assert!(refusal(&entra, &tokens).await.starts_with("AADSTS50027: "));
    ask(&entra, &tokens).await.unwrap();
}

/// A raw response of the token endpoint.
fn response(status: u16, body: impl Into<Bytes>) -> Fault {
    let response = Response::builder()
        .status(status)
        .header("content-type", "application/json; charset=utf-8")
        .body(body.into());
    Fault::Status(response.unwrap())
}

const CLIENT_IS_PUBLIC: &str = r#"{"error":"invalid_client","error_description":"AADSTS700025: The client is public; it may present neither a secret nor an assertion.","error_codes":[700025]}"#;
const TOKEN_OF_PUBLIC_CLIENT: &str =
    r#"{"token_type":"Bearer","expires_in":3600,"access_token":"at","refresh_token":"rt1"}"#;

#[tokio::test]
async fn a_public_client_sends_only_its_id() {
    let entra = entra().await;
    let inject = |fault| entra.inject_on(Method::POST, "/", fault);
    inject(response(401, CLIENT_IS_PUBLIC));
    assert_eq!(
        refusal(&entra, &for_user(&entra, "s")).await,
        "AADSTS700025: The client is public; it may present neither a secret nor an assertion."
    );

    inject(response(200, TOKEN_OF_PUBLIC_CLIENT));
    let tokens = RefreshToken::new(
        application(&entra, Credential::public_client()),
        "rt0",
        ReqwestClient::new().unwrap(),
        async |token: SecretString| {
            assert_eq!(token.expose_secret(), "rt1");
            Ok(())
        },
    );
    let token = ask(&entra, &tokens).await.unwrap();
    assert_eq!(token.expose_secret(), "at");
    let form = form(&entra);
    assert_eq!(names(&form), ["grant_type", "refresh_token", "client_id", "scope"]);
    assert_eq!(form[1].1, "rt0");
}

#[tokio::test]
async fn which_clients_need_a_credential() {
    let entra = entra().await;
    let [signer, _] = &*SIGNERS;
    let key = signer.private_key_pem().unwrap();
    let certificate = || {
        Credential::certificate(&RustCrypto::new(), signer.certificate(), key.as_bytes()).unwrap()
    };
    let federated = || Credential::federated(async || Ok("federated".into()));
    entra.trust_certificate(signer.certificate());
    entra.trust_federated_token("federated");

    let secret = entra.client_secret();
    for credential in [secret.into(), certificate(), federated()] {
        ask(&entra, &alone(&entra, credential.clone())).await.unwrap();
        ask(&entra, &for_user(&entra, credential)).await.unwrap();
    }
    let nothing = "AADSTS7000218: ";
    let public = Credential::public_client;
    let found = refusal(&entra, &for_user(&entra, public())).await;
    assert!(found.starts_with(nothing), "{found}");

    entra.make_client_public();
    ask(&entra, &for_user(&entra, public())).await.unwrap();
    let found = refusal(&entra, &alone(&entra, public())).await;
    assert!(found.starts_with(nothing), "{found}");
    for credential in [entra.client_secret().into(), certificate(), federated()] {
        let found = refusal(&entra, &for_user(&entra, credential)).await;
        assert!(found.starts_with("AADSTS700025: "), "{found}");
    }
}

/// In texts that Entra quotes: short secrets are placeholders and stay; long ones are redacted.
#[tokio::test]
async fn secrets_are_redacted_and_words_are_not() {
    let entra = entra().await;
    for (secret, quoted, shown) in [
        ("s", "is secret s so", "is secret s so"),
        ("secret1", "no secret1", "no secret1"),
        ("ääääääää", "ääääääää", "[hidden]"),
        ("secret12", "no secret12, as=secret12", "no [hidden], as=[hidden]"),
        ("a b/c~d=e+f", "a+b%2Fc%7Ed%3De%2Bf a b/c~d=e+f", "[hidden] [hidden]"),
    ] {
        let token: SecretString = secret.into();
        let federated = Credential::federated(move || {
            let token = token.clone();
            async { Ok(token) }
        });
        for credential in [secret.into(), federated] {
            let tokens = alone(&entra, credential);
            let body = json!({"error": "invalid_client", "error_description": quoted});
            entra.inject_on(Method::POST, "/", response(401, body.to_string()));
            assert_eq!(refusal(&entra, &tokens).await, shown);
        }
    }
}

#[tokio::test]
async fn debug_shows_only_the_kind() {
    let entra = entra().await;
    let [signer, _] = &*SIGNERS;
    let key = signer.private_key_pem().unwrap();
    let certificate =
        Credential::certificate(&AwsLcRs::new(), signer.certificate(), key.as_bytes());
    for (credential, shown) in [
        (Credential::secret("value"), "Credential(secret)"),
        (String::from("value").into(), "Credential(secret)"),
        (certificate.unwrap(), "Credential(certificate)"),
        (Credential::federated_token_file("/value"), "Credential(federated token)"),
        (Credential::federated(async || Ok("value".into())), "Credential(federated token)"),
        (Credential::public_client(), "Credential(public client)"),
    ] {
        assert_eq!(format!("{credential:?}"), shown);
        let application = application(&entra, credential.clone());
        let expected = format!(
            r#"Application {{ token_endpoint: "{}/{}/oauth2/v2.0/token", client_id: "{}", credential: {shown}, .. }}"#,
            entra.base_url(),
            entra.tenant_id(),
            entra.client_id()
        );
        assert_eq!(format!("{application:?}"), expected);
        let own = alone(&entra, credential.clone());
        for provider in [format!("{own:?}"), format!("{:?}", for_user(&entra, credential))] {
            assert!(provider.contains(shown) && !provider.contains("value"), "{provider}");
        }
    }
}
