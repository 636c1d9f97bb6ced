//! The state of the fake.
//!
//! The issuer is created when a certificate or a signature is needed for the first time, because its three RSA keys take a few
//! tenths of a second, and most tests of the API clients never need it.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::Notify;
use tokio::task::spawn_blocking;

use super::certificates::Certificates;
use super::delivery::Delivery;
use super::page::desk::Desk;
use super::quirks::Quirks;
use super::registration::Registration;
use super::resources::Resources;
use super::tokens::Tokens;
use super::validation::Validations;
use crate::envelope::SIGNATURE_HEADER;
use crate::http_client::HttpClient;
use crate::testing::authority::{Issuer, SignedRequest};
use crate::testing::error::TestKitError;
use crate::testing::loopback::deliveries::Deliveries;
use crate::testing::loopback::server::Clock;
use crate::testing::loopback::server::{Base, Service};

/// The state of a [`PartnerCenter`](super::PartnerCenter).
pub(super) struct State {
    pub(super) quirks: Quirks,
    pub(super) base: Base,
    pub(super) tokens: Tokens,
    pub(super) registration: Option<Registration>,
    pub(super) validations: Validations,
    pub(super) resources: Resources,
    /// The certificate host, created when it is first needed.
    certificates: Option<Certificates>,
    issuer: Option<Issuer>,
    pub(super) certificate_host_is_down: bool,
    /// Notified by the command `stop`.
    pub(super) stop: Arc<Notify>,
    pub(super) deliveries: Deliveries<Delivery>,
    /// The client for deliveries to https URLs.
    pub(super) client: Option<Arc<dyn HttpClient>>,
    /// What the page for people keeps.
    pub(super) page: Desk,
}

impl State {
    pub(super) fn new(
        clock: Clock,
        issuer: Option<Issuer>,
        tokens: Tokens,
        deliveries: Deliveries<Delivery>,
        client: Option<Arc<dyn HttpClient>>,
    ) -> Self {
        Self {
            base: Base { clock, ..Base::default() },
            quirks: Quirks::default(),
            tokens,
            registration: None,
            validations: Validations::default(),
            resources: Resources::default(),
            certificates: None,
            issuer,
            certificate_host_is_down: false,
            stop: Arc::default(),
            deliveries,
            client,
            page: Desk::new(),
        }
    }

    /// Removes the registration, gives up pending deliveries, and starts the certificate host. Certificates, credentials and the
    /// record of deliveries stay.
    pub(super) fn reset(&mut self) {
        self.registration = None;
        self.certificate_host_is_down = false;
        self.deliveries.end_where(Delivery::give_up);
        self.deliveries.hurry();
    }

    /// The certificate host, created with a new issuer if necessary.
    pub(super) fn certificates(
        &mut self,
        base_url: &str,
    ) -> Result<&mut Certificates, TestKitError> {
        let certificates = match (self.certificates.take(), self.issuer.take()) {
            (Some(certificates), _) => certificates,
            (None, Some(issuer)) => Certificates::new(&issuer, base_url)?,
            (None, None) => Certificates::new(&Issuer::at(self.base.clock.unix_time())?, base_url)?,
        };
        Ok(self.certificates.insert(certificates))
    }

    /// The certificate host, if something has needed it.
    pub(super) fn existing_certificates(&self) -> Option<&Certificates> {
        self.certificates.as_ref()
    }

    /// Signs `body` as the registration asks for.
    pub(super) fn sign(
        &mut self,
        base_url: &str,
        body: Bytes,
    ) -> Result<SignedRequest, TestKitError> {
        let callback = self.certificates(base_url)?.signer().callback(body)?;
        self.place_signature(callback)
    }

    /// Moves the signature to the header that the registration asks for.
    pub(super) fn place_signature(
        &self,
        callback: SignedRequest,
    ) -> Result<SignedRequest, TestKitError> {
        let registration = self.registration.as_ref();
        if !registration.is_some_and(|it| it.signature_token_to_ms_signature_header) {
            return Ok(callback);
        }
        let callback = callback.in_signature_header();
        let bare = match callback.headers.get(SIGNATURE_HEADER) {
            Some(value) if self.quirks.bare_ms_signature => {
                let value = value.as_bytes();
                value.strip_prefix(b"Signature ").unwrap_or(value).to_vec()
            }
            _ => return Ok(callback),
        };
        callback.with_header(SIGNATURE_HEADER, &bare)
    }
}

impl Service<State> {
    /// Creates the issuer, if there is none, without holding the lock.
    pub(super) async fn prepare_issuer(&self) {
        let now = {
            let state = self.state();
            if state.certificates.is_some() || state.issuer.is_some() {
                return;
            }
            state.base.clock.unix_time()
        };
        if let Ok(Ok(issuer)) = spawn_blocking(move || Issuer::at(now)).await {
            // Of several created concurrently, only the first may be used.
            self.state().issuer.get_or_insert(issuer);
        }
    }
}
