//! The receiver that needs nothing: reqwest, and the default backend.

use std::sync::Arc;

use super::{Receiver, ReceiverBuilder};
use crate::chain::ChainVerifier;
use crate::crypto::DefaultBackend;
use crate::http_client::ReqwestClient;
use crate::source::Download;

impl Receiver {
    /// Builds a receiver for production: Microsoft's certificate location, Microsoft's roots, the signer name pin.
    pub fn builder() -> ReceiverBuilder {
        ReceiverBuilder::with_late_source(ChainVerifier::microsoft(DefaultBackend::new()), || {
            Ok(Arc::new(Download::new(ReqwestClient::new()?)))
        })
    }
}
