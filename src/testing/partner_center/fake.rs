//! [`PartnerCenter`]: what it is configured with, and what it serves.

use std::sync::Arc;
use std::time::Duration;

use rustls_pki_types::CertificateDer;
use serde_json::Value;

use super::certificates::{CERT, FILE, PKI};
use super::control;
use super::quirks::Quirks;
use super::registration::Registration;
use super::resources::{GRAPH, REFERRALS};
use super::state::State;
use crate::chain::ChainVerifier;
use crate::cloud::{Cloud, CloudProfile};
use crate::crypto::Backend;
use crate::http_client::HttpClient;
use crate::receiver::ReceiverBuilder;
use crate::source::{Authorities, DistributionLocation, Download};
use crate::testing::authority::Signer;
use crate::testing::error::TestKitError;
use crate::testing::loopback::client::PlainClient;
use crate::testing::loopback::server::{Server, shared_methods};

/// A Partner Center on a port of 127.0.0.1. It stops when it is dropped.
///
/// It has one tenant with one application; their ids and secrets are new for each fake. Signing keys are generated when the
/// first callback or certificate is requested, which takes a few tenths of a second.
#[derive(Debug)]
pub struct PartnerCenter {
    pub(super) server: Server<State>,
}

impl PartnerCenter {
    /// The cloud to configure a client with. All endpoints are at this fake: Graph under `/graph`, referrals under
    /// `/referrals`, certificates under `/cert/`.
    pub fn cloud(&self) -> Cloud {
        let base_url = self.base_url();
        let mut profile = CloudProfile::new(base_url, base_url);
        profile.certificate_locations = vec![format!("{base_url}{CERT}")];
        profile.graph_base = format!("{base_url}{GRAPH}");
        profile.referrals_base = format!("{base_url}{REFERRALS}");
        profile.danger_plain_http_on_loopback = true;
        Cloud::Custom(profile)
    }

    /// The configuration of a client: the object at `GET /emulator`.
    pub fn configuration(&self) -> Value {
        control::configuration(self.server.service())
    }

    /// The partner's tenant id.
    pub fn tenant_id(&self) -> String {
        self.server.state().tokens.credentials.tenant_id.clone()
    }

    /// The application's client id.
    pub fn client_id(&self) -> String {
        self.server.state().tokens.credentials.client_id.clone()
    }

    /// The application's secret.
    pub fn client_secret(&self) -> String {
        let state = self.server.state();
        state.tokens.credentials.client_secret.clone()
    }

    /// A refresh token with a user's consent.
    pub fn refresh_token(&self) -> String {
        let state = self.server.state();
        state.tokens.credentials.refresh_token.clone()
    }

    /// Issues an access token of the application for the Partner Center API, without a token request.
    pub fn access_token(&self) -> String {
        let mut state = self.server.state();
        let (lifetime, now) = (state.quirks.token_lifetime, state.base.clock.now());
        state.tokens.issue_directly(self.base_url(), lifetime, now)
    }

    /// The number of requests to the token endpoint.
    pub fn token_requests(&self) -> usize {
        self.server.state().tokens.requests
    }

    /// Revokes all access tokens: requests with them are refused with 401.
    pub fn revoke_tokens(&self) {
        self.server.state().tokens.revoke();
    }

    /// Moves the clock forward, also for its [receivers](Self::receiver_builder), which fetch a rotated certificate at most
    /// once in five seconds.
    pub fn advance(&self, time: Duration) {
        self.server.state().base.clock.advance(time);
    }

    /// Serves `resource` at `GET path_and_query`, for example `/v1/customers/1`, to requests with a token for it.
    ///
    /// Graph resources lie under `/graph/` and referrals under `/referrals/`, each with its own audience: the base URL and that
    /// path. See [`samples`](super::samples).
    ///
    /// # Example
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// use std::time::Duration;
    ///
    /// use bytes::Bytes;
    /// use http::Request;
    /// use partner_center_webhooks::http_client::{HttpClient, Limits, ReqwestClient};
    /// use partner_center_webhooks::testing::PartnerCenter;
    /// use serde_json::json;
    ///
    /// let fake = PartnerCenter::start().await?;
    /// fake.put_resource("/v1/customers/1", json!({"id": "1"}));
    ///
    /// let request = Request::get(format!("{}/v1/customers/1", fake.base_url()))
    ///     .header("authorization", format!("Bearer {}", fake.access_token()))
    ///     .body(Bytes::new())?;
    /// let limits = Limits::new(Duration::from_secs(5), 1024);
    /// let response = ReqwestClient::new()?.send(request, limits).await?;
    /// assert_eq!(response.body(), r#"{"id":"1"}"#);
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn put_resource(&self, path_and_query: impl Into<String>, resource: Value) {
        let mut state = self.server.state();
        state.resources.put(path_and_query.into(), resource);
    }

    /// The registration, with the members of the REST reference.
    pub fn registration(&self) -> Option<Value> {
        let state = self.server.state();
        state.registration.as_ref().map(Registration::to_value)
    }

    /// Replaces the registration unchecked, or removes it if the value is not an object. Members may be missing, and their names
    /// are read in any case.
    ///
    /// # Example
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// use partner_center_webhooks::testing::PartnerCenter;
    /// use serde_json::json;
    ///
    /// let fake = PartnerCenter::start().await?;
    /// assert_eq!(fake.registration(), None);
    /// fake.set_registration(&json!({"WebhookUrl": "https://contoso.example/callback"}));
    /// let registration = fake.registration().expect("it was set");
    /// assert_eq!(registration["webhookUrl"], "https://contoso.example/callback");
    /// assert_eq!(registration["webhookEvents"], json!([]));
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set_registration(&self, registration: &Value) {
        let mut state = self.server.state();
        state.registration = Registration::from_value(registration, state.base.clock.now());
        state.page.changed();
    }

    /// Replaces the signing certificate and its key. Deliveries in progress keep their signature.
    ///
    /// # Errors
    ///
    /// [`TestKitError`] if a certificate could not be issued.
    ///
    /// # Example
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// use partner_center_webhooks::testing::PartnerCenter;
    ///
    /// let fake = PartnerCenter::start().await?;
    /// let (old, url) = (fake.signer()?, fake.certificate_url());
    /// fake.rotate()?;
    /// assert_ne!(fake.signer()?.certificate(), old.certificate());
    /// assert_eq!(fake.certificate_url(), url);
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn rotate(&self) -> Result<(), TestKitError> {
        self.server.service().rotate()
    }

    /// Adds the signing certificate to its issuer's revocation list. It stays in use.
    ///
    /// # Errors
    ///
    /// [`TestKitError`] if the issuer could not be created.
    pub fn revoke(&self) -> Result<(), TestKitError> {
        let mut state = self.server.state();
        state.certificates(self.base_url())?.revoke();
        state.page.changed();
        Ok(())
    }

    /// Stops the certificate host: requests for signing certificates, issuer certificates and revocation lists get no response.
    ///
    /// # Example: a receiver that cannot fetch the certificate
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// use partner_center_webhooks::crypto::DefaultBackend;
    /// use partner_center_webhooks::testing::PartnerCenter;
    ///
    /// let fake = PartnerCenter::start().await?;
    /// let receiver = fake.receiver_builder(DefaultBackend::new())?.build()?;
    /// let callback = fake.signer()?.callback(r#"{"EventName":"invoice-ready"}"#)?;
    /// fake.stop_certificate_host();
    /// let error = receiver.receive(&callback.headers, &callback.body).await.unwrap_err();
    /// assert_eq!(error.status(), 503, "Partner Center will retry");
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn stop_certificate_host(&self) {
        let mut state = self.server.state();
        state.certificate_host_is_down = true;
        state.page.changed();
    }

    /// Waits until a client runs the command `stop`. The fake itself goes on until it is dropped.
    ///
    /// # Example
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// use partner_center_webhooks::testing::PartnerCenter;
    ///
    /// let fake = PartnerCenter::start().await?;
    /// assert_eq!(fake.run(&"stop".parse()?)?, "the emulator stops");
    /// fake.stop_requested().await;
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn stop_requested(&self) {
        let stop = Arc::clone(&self.server.state().stop);
        stop.notified().await;
    }

    /// Starts the certificate host again.
    pub fn start_certificate_host(&self) {
        let mut state = self.server.state();
        state.certificate_host_is_down = false;
        state.page.changed();
    }

    /// The current signer.
    ///
    /// # Errors
    ///
    /// [`TestKitError`] if the issuer could not be created.
    pub fn signer(&self) -> Result<Signer, TestKitError> {
        let mut state = self.server.state();
        Ok(state.certificates(self.base_url())?.signer().clone())
    }

    /// The URL of the signing certificate in each callback.
    pub fn certificate_url(&self) -> String {
        format!("{}{CERT}{FILE}", self.base_url())
    }

    /// The trust anchor as PEM. Also at `GET /emulator/anchors.pem`.
    ///
    /// # Errors
    ///
    /// [`TestKitError`] if the issuer could not be created.
    pub fn anchors_pem(&self) -> Result<String, TestKitError> {
        let mut state = self.server.state();
        Ok(state.certificates(self.base_url())?.issuer().root_pem())
    }

    /// The CA certificate between root and signing certificate as PEM, for clients that do not fetch it by authority
    /// information access. Also at `GET /emulator/intermediates.pem`.
    ///
    /// # Errors
    ///
    /// [`TestKitError`] if the issuer could not be created.
    pub fn intermediates_pem(&self) -> Result<String, TestKitError> {
        let mut state = self.server.state();
        let certificates = state.certificates(self.base_url())?;
        Ok(certificates.issuer().intermediate_pem())
    }

    /// Builds a receiver that trusts this fake: its root, cloud and clock, and the URLs of its issuer. Everything else has
    /// its default.
    ///
    /// `backend` is the crypto backend, such as `DefaultBackend::new()`.
    ///
    /// # Errors
    ///
    /// [`TestKitError`] if the issuer could not be created.
    pub fn receiver_builder(
        &self,
        backend: impl Backend + 'static,
    ) -> Result<ReceiverBuilder, TestKitError> {
        let anchors = {
            let mut state = self.server.state();
            state.certificates(self.base_url())?.issuer().anchors()?
        };
        let service = Arc::clone(self.server.service());
        let published = format!("{}{PKI}", self.base_url());
        let location = DistributionLocation::none().also_allow(&published)?;
        let client: Arc<dyn HttpClient> = Arc::new(PlainClient);
        let authorities = Authorities::new(Arc::clone(&client))
            .with_issuer_location(location.clone())
            .with_revocation_list_location(location);
        let chain = ChainVerifier::new(backend, anchors);
        let receiver = ReceiverBuilder::new(chain, Download::over(client))
            .authorities(authorities)
            .warm_up_url(self.certificate_url())
            .clock(move || service.state().base.clock.unix_time());
        Ok(receiver.cloud(&self.cloud())?)
    }

    /// Adds a certificate to the application: client assertions signed with its key are accepted, and the secret still is.
    pub fn trust_certificate(&self, certificate: &CertificateDer<'_>) {
        let certificate = certificate.clone().into_owned();
        let mut state = self.server.state();
        state.tokens.client.certificates.push(certificate);
    }

    /// Accepts `token` of another identity provider as a client assertion, replacing an earlier one.
    pub fn trust_federated_token(&self, token: impl Into<String>) {
        let mut state = self.server.state();
        state.tokens.client.federated_token = Some(token.into());
    }

    /// Makes the application a public client: requests with a secret or an assertion are refused.
    pub fn make_client_public(&self) {
        self.server.state().tokens.client.is_public = true;
    }
}

shared_methods!(PartnerCenter, quirks: Quirks);
