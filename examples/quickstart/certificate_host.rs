//! Microsoft's storage account: serves certificates.

use std::io;

use axum::Router;
use axum::routing::get;
use partner_center_webhooks::testing::Signer;
use tokio::net::TcpListener;

/// A web server for certificates, on a free port of the loopback address.
pub(crate) struct CertificateHost {
    listener: TcpListener,
    location: String,
    files: Router,
}

impl CertificateHost {
    pub(crate) async fn bind() -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let location = format!("http://{}/cert/", listener.local_addr()?);
        Ok(Self { listener, location, files: Router::new() })
    }

    /// The URL that every file is under.
    pub(crate) fn location(&self) -> &str {
        &self.location
    }

    /// The URL of a file.
    pub(crate) fn url(&self, name: &str) -> String {
        format!("{}{name}.cer", self.location)
    }

    /// Serves the certificate of `signer`, and puts its URL into the callbacks.
    pub(crate) fn publish(&mut self, name: &str, signer: Signer) -> Signer {
        self.serve(name, signer.certificate().to_vec());
        signer.with_certificate_url(self.url(name))
    }

    /// Serves `bytes`.
    pub(crate) fn serve(&mut self, name: &str, bytes: Vec<u8>) {
        let file = get(async move || bytes.clone());
        self.files = std::mem::take(&mut self.files).route(&format!("/cert/{name}.cer"), file);
    }

    /// Starts the server.
    pub(crate) fn open(self) {
        tokio::spawn(axum::serve(self.listener, self.files).into_future());
    }
}
