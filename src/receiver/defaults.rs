//! The default receiver: reqwest, and the default backend.

use std::sync::Arc;

use super::Receiver;
use super::builder::ReceiverBuilder;
use crate::chain::ChainVerifier;
use crate::crypto::DefaultBackend;
use crate::http_client::{HttpClient, ReqwestClient};
use crate::source::{Authorities, CertificateSource, Download};

impl Receiver {
    /// Builds a receiver for production: Microsoft's certificate location, Microsoft's roots, the signer name pin.
    pub fn builder() -> ReceiverBuilder {
        let chain = ChainVerifier::microsoft(DefaultBackend::new());
        let client = ReqwestClient::new().map(|client| -> Arc<dyn HttpClient> { Arc::new(client) });
        let authorities = client.as_ref().ok().cloned().map(Authorities::new);
        let source =
            client.map(|client| -> Arc<dyn CertificateSource> { Arc::new(Download::over(client)) });
        ReceiverBuilder::start(chain, source, authorities)
    }
}
