//! The receiver that needs nothing: reqwest, and the default backend.

use std::sync::Arc;

use super::{Receiver, ReceiverBuilder};
use crate::chain::ChainVerifier;
use crate::crypto::DefaultBackend;
use crate::http_client::ReqwestClient;
use crate::source::{CertificateSource, Download};

impl Receiver {
    /// Builds a receiver for production: Microsoft's certificate location, Microsoft's roots, the signer name pin.
    pub fn builder() -> ReceiverBuilder {
        let chain = ChainVerifier::microsoft(DefaultBackend::new());
        let source = ReqwestClient::new()
            .map(|client| -> Arc<dyn CertificateSource> { Arc::new(Download::new(client)) });
        ReceiverBuilder::start(chain, source)
    }
}
