//! [`PartnerCenter`]: all public methods.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use rustls_pki_types::CertificateDer;
use serde_json::Value;
use time::OffsetDateTime;

use super::certificates::{CERT, FILE, PKI};
use super::command::Command;
use super::control;
use super::delivery::{Delivery, Outcome};
use super::error::PartnerCenterError;
use super::forgery::Forgery;
use super::quirks::Quirks;
use super::registration::Registration;
use super::resources::{GRAPH, REFERRALS};
use super::state::State;
use crate::chain::ChainVerifier;
use crate::cloud::{Cloud, CloudProfile};
use crate::crypto::Backend;
use crate::event::EventName;
use crate::http_client::HttpClient;
use crate::receiver::ReceiverBuilder;
use crate::source::{Authorities, DistributionLocation, Download};
use crate::testing::authority::{IssuerError, Signer};
use crate::testing::loopback::client::PlainClient;
use crate::testing::loopback::clock::Clock;
use crate::testing::loopback::fault::Fault;
use crate::testing::loopback::request::RecordedRequest;
use crate::testing::loopback::server::Server;

/// A Partner Center on a port of 127.0.0.1. It stops when it is dropped.
///
/// It has one tenant with one application; their ids and secrets are new for each fake. Signing keys are generated when the
/// first callback or certificate is requested, which takes some tenths of a second.
#[derive(Debug)]
pub struct PartnerCenter {
    pub(super) server: Server<State>,
}

impl PartnerCenter {
    /// The base URL, without a trailing slash.
    pub fn base_url(&self) -> &str {
        self.server.base_url()
    }

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
        let (lifetime, now) = (state.quirks.token_lifetime, state.clock.now());
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

    /// Changes the quirks, from the next request or attempt on. The fake is blocked until `change` returns.
    pub fn configure(&self, change: impl FnOnce(&mut Quirks)) {
        change(&mut self.server.state().quirks);
    }

    /// Sets the clock, which decides on the expiry of tokens, the limit of validation events, and times in responses. Default:
    /// the system's.
    pub fn set_clock(&self, clock: impl Fn() -> OffsetDateTime + Send + Sync + 'static) {
        self.server.state().clock = Clock::new(clock);
    }

    /// Moves the clock forward, also for its [receivers](Self::receiver_builder), which fetch a rotated certificate at most
    /// once a minute.
    pub fn advance(&self, time: Duration) {
        self.server.state().clock.advance(time);
    }

    /// Serves `resource` at `GET path_and_query`, for example `/v1/customers/1`, to requests with a token for it.
    ///
    /// Graph resources lie under `/graph/` and referrals under `/referrals/`, each with its own audience: the base URL and that
    /// path. See [`samples`](super::samples).
    pub fn put_resource(&self, path_and_query: impl Into<String>, resource: Value) {
        let mut state = self.server.state();
        state.resources.put(path_and_query.into(), resource);
    }

    /// Injects `fault` into the next request that no fault of [`inject_on`](Self::inject_on) matches. Several faults apply in
    /// order, one per request.
    pub fn inject(&self, fault: Fault) {
        self.server.state().traffic.faults.push(fault);
    }

    /// Injects `fault` into the next request with this method and path prefix.
    pub fn inject_on(&self, method: Method, path_prefix: impl Into<String>, fault: Fault) {
        let mut state = self.server.state();
        let faults = &mut state.traffic.faults;
        faults.push_on(method, path_prefix.into(), fault);
    }

    /// Removes all pending faults.
    pub fn clear_faults(&self) {
        self.server.state().traffic.faults.clear();
    }

    /// The number of pending faults.
    pub fn pending_faults(&self) -> usize {
        self.server.state().traffic.faults.len()
    }

    /// All requests so far, including token requests and those that met a fault.
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.server.state().traffic.requests.clone()
    }

    /// The registration, with the members of the REST reference.
    pub fn registration(&self) -> Option<Value> {
        let state = self.server.state();
        state.registration.as_ref().map(Registration::to_value)
    }

    /// Replaces the registration unchecked, or removes it if the value is not an object. Members may be missing, and their names
    /// are read in any case.
    pub fn set_registration(&self, registration: &Value) {
        let mut state = self.server.state();
        state.registration = Registration::from_value(registration, state.clock.now());
    }

    /// Emits an event: stores the resource that it points to, and delivers it to the registered webhook URL. Returns the
    /// number of the delivery.
    ///
    /// The body is compact JSON with the documented members in their documented order; it points to resources of this fake.
    ///
    /// # Errors
    ///
    /// [`PartnerCenterError`], for example if the event is not registered; nothing is sent then.
    pub fn emit(&self, name: &EventName) -> Result<usize, PartnerCenterError> {
        self.server.service().emit(name)
    }

    /// Signs and delivers `body` unchanged. If it contains an event name, that event must be registered.
    ///
    /// # Errors
    ///
    /// [`PartnerCenterError`].
    pub fn emit_body(&self, body: impl Into<Bytes>) -> Result<usize, PartnerCenterError> {
        self.server.service().emit_body(body.into())
    }

    /// Requests a validation event, as through the API and under its limit. Returns the correlation id.
    ///
    /// # Errors
    ///
    /// [`PartnerCenterError::Refused`] if the API refuses it.
    pub fn request_validation_event(&self) -> Result<String, PartnerCenterError> {
        self.server.service().request_validation_event()
    }

    /// Sends a forged callback, once.
    ///
    /// # Errors
    ///
    /// [`PartnerCenterError`].
    pub fn forge(&self, forgery: Forgery) -> Result<usize, PartnerCenterError> {
        self.server.service().forge(forgery)
    }

    /// Sends delivery `number` again, once, with its original signature.
    ///
    /// # Errors
    ///
    /// [`PartnerCenterError`].
    pub fn replay(&self, number: usize) -> Result<usize, PartnerCenterError> {
        self.server.service().replay(number)
    }

    /// Replaces the signing certificate and its key. Deliveries in progress keep their signature.
    ///
    /// # Errors
    ///
    /// [`IssuerError`] if a certificate could not be issued.
    pub fn rotate(&self) -> Result<(), IssuerError> {
        self.server.service().rotate()
    }

    /// Adds the signing certificate to its issuer's revocation list. It stays in use.
    ///
    /// # Errors
    ///
    /// [`IssuerError`] if the issuer could not be created.
    pub fn revoke(&self) -> Result<(), IssuerError> {
        let mut state = self.server.state();
        state.certificates(self.base_url())?.revoke();
        Ok(())
    }

    /// Stops the certificate host: requests for signing certificates, issuer certificates and revocation lists get no response.
    pub fn stop_certificate_host(&self) {
        self.server.state().certificate_host_is_down = true;
    }

    /// Starts the certificate host again.
    pub fn start_certificate_host(&self) {
        self.server.state().certificate_host_is_down = false;
    }

    /// The current signer.
    ///
    /// # Errors
    ///
    /// [`IssuerError`] if the issuer could not be created.
    pub fn signer(&self) -> Result<Signer, IssuerError> {
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
    /// [`IssuerError`] if the issuer could not be created.
    pub fn anchors_pem(&self) -> Result<String, IssuerError> {
        let mut state = self.server.state();
        Ok(state.certificates(self.base_url())?.issuer().root_pem())
    }

    /// The CA certificate between root and signing certificate as PEM, for clients that do not fetch it by authority
    /// information access. Also at `GET /emulator/intermediates.pem`.
    ///
    /// # Errors
    ///
    /// [`IssuerError`] if the issuer could not be created.
    pub fn intermediates_pem(&self) -> Result<String, IssuerError> {
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
    /// [`PartnerCenterError`] if the issuer could not be created.
    pub fn receiver_builder(
        &self,
        backend: impl Backend + 'static,
    ) -> Result<ReceiverBuilder, PartnerCenterError> {
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
            .clock(move || service.state().clock.unix_time());
        Ok(receiver.cloud(&self.cloud())?)
    }

    /// All deliveries so far, in order.
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.server.state().deliveries.to_vec()
    }

    /// The delivery with this number.
    pub fn delivery(&self, number: usize) -> Option<Delivery> {
        self.server.state().deliveries.get(number).cloned()
    }

    /// The offline queue: deliveries whose attempts all failed. They are not retried.
    pub fn offline_queue(&self) -> Vec<Delivery> {
        let mut deliveries = self.deliveries();
        deliveries.retain(|delivery| delivery.outcome() == Outcome::Offline);
        deliveries
    }

    /// Waits until no delivery is in progress and the [observer](Self::on_attempt) has seen the last attempt.
    pub async fn settled(&self) {
        self.server.service().settled().await;
    }

    /// Calls `observer` after each attempt, with the delivery as it stands. Replaces an earlier observer.
    pub fn on_attempt(&self, observer: impl Fn(&Delivery) + Send + Sync + 'static) {
        self.server.state().deliveries.observe(observer);
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

    /// Runs a command, and returns a short description of its effect.
    ///
    /// # Errors
    ///
    /// [`PartnerCenterError`].
    pub fn run(&self, command: &Command) -> Result<String, PartnerCenterError> {
        command.run(self.server.service())
    }
}
