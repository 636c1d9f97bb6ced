//! Tokens from an Entra on loopback, which errors must not show.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use azure_core::credentials::{AccessToken as AzureToken, TokenCredential, TokenRequestOptions};
use http::Method;
use partner_center_webhooks::http_client::ReqwestClient;
use partner_center_webhooks::spawn::{Spawn, Task};
use partner_center_webhooks::testing::partner_center::{ErrorBody, Fault, PartnerCenter};
use partner_center_webhooks::token::{
    AccessToken, Application, AzureCredential, ClientCredentials, RefreshToken, SecretString,
    TokenError, TokenProvider, TokenRequest,
};
use time::OffsetDateTime;

fn application(partner_center: &PartnerCenter, secret: &str) -> Application {
    let (tenant, client_id) = (partner_center.tenant_id(), partner_center.client_id());
    Application::new(&partner_center.cloud(), &tenant, client_id, secret).unwrap()
}

fn client() -> ReqwestClient {
    ReqwestClient::new().unwrap()
}

fn scope(partner_center: &PartnerCenter) -> String {
    format!("{}/.default", partner_center.base_url())
}

#[tokio::test]
async fn entras_refusal_is_explained_without_a_secret() {
    let partner_center = PartnerCenter::start().await.unwrap();
    let tokens = ClientCredentials::new(application(&partner_center, "s3cret"), client());
    let scope = scope(&partner_center);
    let error = tokens.token(TokenRequest::new(&scope)).await.unwrap_err();
    let said = error.to_string();
    let url = format!(
        "`{}/{}/oauth2/v2.0/token` returned 401: invalid_client, AADSTS7000215",
        partner_center.base_url(),
        partner_center.tenant_id()
    );
    assert!(said.starts_with(&url), "{said}");
    assert!(said.contains(" (trace id ") && said.contains(" (correlation id "), "{said}");
    assert!(!error.is_transient());
    for shown in [said, format!("{error:?}"), format!("{tokens:?}")] {
        assert!(!shown.contains("s3cret"), "{shown}");
    }
}

#[tokio::test]
async fn responses_that_are_not_entras() {
    let partner_center = PartnerCenter::start().await.unwrap();
    let scope = scope(&partner_center);
    let secret = partner_center.client_secret();
    for (fault, is_transient, said) in [
        (
            Fault::status(503, &ErrorBody::Html),
            true,
            "returned 503 without a token (expected a JSON object with `access_token`): Our services",
        ),
        (Fault::status(404, &ErrorBody::Empty), false, "returned 404 without a token"),
        (Fault::CutJson, true, "returned 200 without a token"),
        (Fault::Drop, true, "a token could not be requested from"),
        (Fault::Truncated, true, "a token could not be requested from"),
        (Fault::Throttle { retry_after: Some("7".into()) }, true, "returned 429"),
        (
            Fault::Redirect { location: "https://evil.example/".into() },
            false,
            "returned 307 without a token",
        ),
    ] {
        let tokens = ClientCredentials::new(application(&partner_center, &secret), client());
        partner_center.inject_on(Method::POST, "/", fault.clone());
        let error = tokens.token(TokenRequest::new(&scope)).await.unwrap_err();
        assert!(error.to_string().contains(said), "{fault:?}: {error}");
        assert_eq!(error.is_transient(), is_transient, "{error}");
        let throttled = matches!(fault, Fault::Throttle { .. });
        assert_eq!(error.retry_after(), throttled.then_some(Duration::from_secs(7)));
        assert!(tokens.token(TokenRequest::new(&scope)).await.is_ok());
    }
}

/// A vault that can be closed.
#[derive(Clone, Default)]
struct Vault {
    kept: Arc<Mutex<Vec<String>>>,
    is_closed: Arc<Mutex<bool>>,
}

impl Vault {
    fn tokens(&self, partner_center: &PartnerCenter) -> RefreshToken {
        let vault = self.clone();
        let secret = partner_center.client_secret();
        let application = application(partner_center, &secret);
        RefreshToken::new(
            application,
            partner_center.refresh_token(),
            client(),
            move |token: SecretString| {
                let vault = vault.clone();
                async move {
                    tokio::task::yield_now().await;
                    if *vault.is_closed.lock().unwrap() {
                        return Err("the vault is closed".into());
                    }
                    vault.kept.lock().unwrap().push(token.expose_secret().to_owned());
                    Ok(())
                }
            },
        )
    }

    fn close(&self, is_closed: bool) {
        *self.is_closed.lock().unwrap() = is_closed;
    }

    fn kept(&self) -> Vec<String> {
        self.kept.lock().unwrap().clone()
    }
}

/// The refresh tokens that Entra received.
fn used(partner_center: &PartnerCenter) -> Vec<String> {
    let fields = partner_center.requests().into_iter().flat_map(|request| request.form());
    fields.filter(|(name, _)| name == "refresh_token").map(|(_, value)| value).collect()
}

#[tokio::test]
async fn a_rotated_refresh_token_is_saved_before_it_is_used() {
    let partner_center = PartnerCenter::start().await.unwrap();
    partner_center.configure(|quirks| quirks.token_lifetime = Duration::ZERO);
    let (vault, scope) = (Vault::default(), scope(&partner_center));
    let tokens = vault.tokens(&partner_center);
    for _ in 0..3 {
        tokens.token(TokenRequest::new(&scope)).await.unwrap();
    }
    let (kept, used) = (vault.kept(), used(&partner_center));
    assert_eq!(kept.len(), 3);
    assert_eq!(used, [partner_center.refresh_token(), kept[0].clone(), kept[1].clone()]);
    let form = partner_center.requests()[0].form();
    let names: Vec<_> = form.iter().map(|(name, _)| &**name).collect();
    assert_eq!(names, ["grant_type", "refresh_token", "client_id", "client_secret", "scope"]);
    for shown in [format!("{tokens:?}"), format!("{:?}", partner_center.requests())] {
        assert!(
            !shown.contains(&kept[0]) && !shown.contains(&partner_center.client_secret()),
            "{shown}"
        );
    }
}

#[tokio::test]
async fn an_unsaved_refresh_token_is_not_used() {
    let partner_center = PartnerCenter::start().await.unwrap();
    partner_center.configure(|quirks| quirks.token_lifetime = Duration::ZERO);
    let (vault, scope) = (Vault::default(), scope(&partner_center));
    let tokens = vault.tokens(&partner_center);
    vault.close(true);
    for _ in 0..3 {
        let error = tokens.token(TokenRequest::new(&scope)).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "the rotated refresh token could not be saved, and was not used: the vault is closed"
        );
    }
    // Entra was called once, and is called again only after that token is saved.
    assert_eq!(partner_center.token_requests(), 1);
    vault.close(false);
    tokens.token(TokenRequest::new(&scope)).await.unwrap();
    let kept = vault.kept();
    assert_eq!((kept.len(), used(&partner_center)[1].as_str()), (2, &*kept[0]));
}

#[tokio::test]
async fn canceling_a_caller_during_the_save_loses_nothing() {
    let partner_center = PartnerCenter::start().await.unwrap();
    let (vault, scope) = (Vault::default(), scope(&partner_center));
    let tokens = vault.tokens(&partner_center);
    // Dropped at every await point.
    for polls in 0..40 {
        let mut asking = tokens.token(TokenRequest::new(&scope));
        for _ in 0..polls {
            if futures_util::poll!(&mut asking).is_ready() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    tokens.token(TokenRequest::new(&scope)).await.unwrap();
    let (kept, used) = (vault.kept(), used(&partner_center));
    for token in &used[1..] {
        assert!(kept.contains(token) || *token == partner_center.refresh_token());
    }
    assert!(!kept.is_empty());
}

/// Refuses all tasks, and counts them.
#[derive(Clone, Debug, Default)]
struct Counting(Arc<AtomicUsize>);

impl Spawn for Counting {
    fn spawn(&self, task: Task, limit: Duration) -> Result<(), Task> {
        assert_eq!(limit, Duration::from_secs(60));
        self.0.fetch_add(1, Ordering::SeqCst);
        Err(task)
    }
}

#[tokio::test]
async fn an_application_chooses_the_spawner() {
    let partner_center = PartnerCenter::start().await.unwrap();
    let (scope, secret) = (scope(&partner_center), partner_center.client_secret());
    for is_told in [true, false] {
        let spawn = Counting::default();
        let mut application = application(&partner_center, &secret);
        if is_told {
            application = application.with_spawn(spawn.clone());
        }
        let alone = ClientCredentials::new(application.clone(), client());
        let refresh_token = partner_center.refresh_token();
        let for_user = RefreshToken::new(application, refresh_token, client(), async |_| Ok(()));
        let both: [&dyn TokenProvider; 2] = [&alone, &for_user];
        for (tokens, asked) in both.into_iter().zip(1..) {
            tokens.token(TokenRequest::new(&scope)).await.unwrap();
            let expected = if is_told { asked } else { 0 };
            assert_eq!(spawn.0.load(Ordering::SeqCst), expected);
        }
    }
}

#[tokio::test]
async fn an_expired_refresh_token() {
    let partner_center = PartnerCenter::start().await.unwrap();
    let secret = partner_center.client_secret();
    let application = application(&partner_center, &secret);
    let tokens =
        RefreshToken::new(application, "0.ended", client(), async |_| panic!("nothing to save"));
    let error = tokens.token(TokenRequest::new(&scope(&partner_center))).await.unwrap_err();
    assert!(
        matches!(&error, TokenError::Refused(refusal) if refusal.error.to_string() == "invalid_grant"),
        "{error}"
    );
    assert!(!error.to_string().contains("0.ended"));
}

#[derive(Debug)]
struct Credential(Mutex<Vec<Vec<String>>>);

#[async_trait::async_trait]
impl TokenCredential for Credential {
    async fn get_token(
        &self,
        scopes: &[&str],
        _: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AzureToken> {
        self.0.lock().unwrap().push(scopes.iter().map(|scope| (*scope).to_owned()).collect());
        match scopes {
            ["bad"] => Err(azure_core::Error::with_message(
                azure_core::error::ErrorKind::Credential,
                "no identity here",
            )),
            _ => Ok(AzureToken::new("azure-token", OffsetDateTime::UNIX_EPOCH)),
        }
    }
}

#[tokio::test]
async fn a_credential_of_the_azure_sdk() {
    let credential = Arc::new(Credential(Mutex::default()));
    let tokens = AzureCredential::new(credential.clone());
    let token = tokens.token(TokenRequest::new("scope")).await.unwrap();
    assert_eq!(token.expose_secret(), "azure-token");
    assert_eq!(token.expires_at(), Some(OffsetDateTime::UNIX_EPOCH));
    let other = AccessToken::new("other").unwrap();
    let request = TokenRequest::new("scope");
    assert_eq!(tokens.token(request.after_refusal_of(&other)).await.unwrap(), token);
    let error = tokens.token(request.after_refusal_of(&token)).await.unwrap_err();
    assert!(matches!(error, TokenError::NoAlternative));
    let error = tokens.token(TokenRequest::new("bad")).await.unwrap_err();
    assert_eq!(error.to_string(), "the token provider failed: no identity here");
    assert_eq!(credential.0.lock().unwrap()[0], ["scope"]);
}
