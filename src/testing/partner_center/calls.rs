//! [`PartnerCenter`] as an emulator: what a test or a developer can make happen.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rustls_pki_types::UnixTime;

use super::PartnerCenter;
use super::certificates::{CERT, FILE, PKI};
use super::delivery::{Delivery, Outcome};
use super::emulator::PartnerCenterError;
use super::forgery::Forgery;
use crate::chain::ChainVerifier;
use crate::crypto::Backend;
use crate::event::EventName;
use crate::http_client::HttpClient;
use crate::receiver::ReceiverBuilder;
use crate::source::{Authorities, DistributionLocation, Download};
use crate::testing::fake::client::PlainClient;
use crate::testing::{IssuerError, Signer};

impl PartnerCenter {
    /// Lets an event of this name happen now: puts the resource that it points to, and delivers it to the registered webhook
    /// URL. Gives the delivery's number.
    ///
    /// The body is as documented, compact and with the documented members in their order; it points to resources of this fake.
    ///
    /// # Errors
    ///
    /// [`PartnerCenterError`]; nothing is sent unless the partner registered for the event.
    pub fn emit(&self, name: &EventName) -> Result<usize, PartnerCenterError> {
        self.service.emit(name)
    }

    /// Delivers `body` as it is, signed. If there is an event's name in it, the partner has to have registered for it.
    ///
    /// # Errors
    ///
    /// [`PartnerCenterError`].
    pub fn emit_body(&self, body: impl Into<Bytes>) -> Result<usize, PartnerCenterError> {
        self.service.emit_body(body.into())
    }

    /// Asks for a validation event, as the API does and under its limit. Gives the correlation id.
    ///
    /// # Errors
    ///
    /// [`PartnerCenterError::Refused`] as the API would refuse it.
    pub fn test(&self) -> Result<String, PartnerCenterError> {
        self.service.test()
    }

    /// Sends a forged callback, once.
    ///
    /// # Errors
    ///
    /// [`PartnerCenterError`].
    pub fn forge(&self, forgery: Forgery) -> Result<usize, PartnerCenterError> {
        self.service.forge(forgery)
    }

    /// Sends what delivery `number` sent, once more, with its old signature.
    ///
    /// # Errors
    ///
    /// [`PartnerCenterError`].
    pub fn replay(&self, number: usize) -> Result<usize, PartnerCenterError> {
        self.service.replay(number)
    }

    /// Puts another signing certificate with another key in the old one's place. Deliveries under way keep their signature.
    ///
    /// # Errors
    ///
    /// [`IssuerError`] if none could be made.
    pub fn rotate(&self) -> Result<(), IssuerError> {
        self.service.rotate()
    }

    /// Puts the signing certificate on its issuer's revocation list, and goes on signing with it.
    ///
    /// # Errors
    ///
    /// [`IssuerError`] if there is none.
    pub fn revoke(&self) -> Result<(), IssuerError> {
        let mut state = self.service.state();
        state.certificates(self.base_url())?.revoke();
        Ok(())
    }

    /// From now on the certificate host answers nothing: neither signing certificates, nor issuers', nor revocation lists.
    pub fn go_down(&self) {
        self.service.state().is_down = true;
    }

    /// The certificate host is there again.
    pub fn come_up(&self) {
        self.service.state().is_down = false;
    }

    /// Whoever signs now.
    ///
    /// # Errors
    ///
    /// [`IssuerError`] if there is none.
    pub fn signer(&self) -> Result<Signer, IssuerError> {
        let mut state = self.service.state();
        Ok(state.certificates(self.base_url())?.signer().clone())
    }

    /// The URL of the signing certificate, as in each callback.
    pub fn certificate_url(&self) -> String {
        format!("{}{CERT}{FILE}", self.base_url())
    }

    /// The root to trust, as PEM. Also at `GET /emulator/anchors.pem`.
    ///
    /// # Errors
    ///
    /// [`IssuerError`] if there is none.
    pub fn anchors_pem(&self) -> Result<String, IssuerError> {
        let mut state = self.service.state();
        Ok(state.certificates(self.base_url())?.issuer().root_pem())
    }

    /// The CA certificate between root and signing certificate, as PEM, for who does not fetch it from where certificates name
    /// it. Also at `GET /emulator/intermediates.pem`.
    ///
    /// # Errors
    ///
    /// [`IssuerError`] if there is none.
    pub fn intermediates_pem(&self) -> Result<String, IssuerError> {
        let mut state = self.service.state();
        let certificates = state.certificates(self.base_url())?;
        Ok(certificates.issuer().intermediate_pem())
    }

    /// A receiver that trusts this Partner Center: its root, its cloud, its clock, and what its issuer publishes. Everything
    /// else has its default.
    ///
    /// `backend` is the crypto library to test with, as in `DefaultBackend::new()`.
    ///
    /// # Errors
    ///
    /// [`PartnerCenterError`] if there is no root.
    pub fn receiver_builder(
        &self,
        backend: impl Backend + 'static,
    ) -> Result<ReceiverBuilder, PartnerCenterError> {
        let anchors = {
            let mut state = self.service.state();
            state.certificates(self.base_url())?.issuer().anchors()?
        };
        let service = Arc::clone(&self.service);
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
            .clock(move || {
                let now = service.state().now().unix_timestamp();
                let now = u64::try_from(now).unwrap_or_default();
                UnixTime::since_unix_epoch(Duration::from_secs(now))
            });
        Ok(receiver.cloud(&self.cloud())?)
    }

    /// All deliveries so far, in order.
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.service
            .state()
            .dispatch
            .deliveries()
            .cloned()
            .collect()
    }

    /// The delivery of this number.
    pub fn delivery(&self, number: usize) -> Option<Delivery> {
        self.service.state().dispatch.delivery(number).cloned()
    }

    /// The events that were given up: all attempts failed, and no more are made.
    pub fn offline_queue(&self) -> Vec<Delivery> {
        let mut deliveries = self.deliveries();
        deliveries.retain(|delivery| delivery.outcome() == Outcome::Offline);
        deliveries
    }

    /// Waits until no delivery is under way any more, and whoever [hears of attempts](Self::on_attempt) has heard of the last.
    pub async fn settled(&self) {
        let mut under_way = self.service.state().dispatch.under_way();
        // An error would mean that the counter is gone, and all deliveries with it.
        let _ = under_way.wait_for(|count| *count == 0).await;
    }

    /// Tells `observer` of each attempt, with the delivery as it stands then. Replaces a former one.
    pub fn on_attempt(&self, observer: impl Fn(&Delivery) + Send + Sync + 'static) {
        self.service.state().dispatch.observer = Some(Arc::new(observer));
    }
}
