//! What a Partner Center can be told before it starts.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::sync::Arc;

use time::OffsetDateTime;
use tokio::net::TcpListener;

use super::PartnerCenter;
use super::dispatch::Dispatch;
use super::service::{Clock, Service};
use crate::http_client::HttpClient;
use crate::testing::Issuer;
use crate::testing::fake::server;

/// Builds a [`PartnerCenter`]. Every setting has a default.
#[must_use]
pub struct PartnerCenterBuilder {
    address: SocketAddr,
    base_url: Option<String>,
    issuer: Option<Issuer>,
    client: Option<Arc<dyn HttpClient>>,
    concurrent_attempts: NonZeroUsize,
    clock: Clock,
}

impl PartnerCenterBuilder {
    pub(super) fn new() -> Self {
        Self {
            address: (Ipv4Addr::LOCALHOST, 0).into(),
            base_url: None,
            issuer: None,
            client: None,
            concurrent_attempts: CONCURRENT_ATTEMPTS,
            clock: Arc::new(OffsetDateTime::now_utc),
        }
    }

    /// Where to listen. Default: a free port of 127.0.0.1. Whoever reaches it can have all of its secrets and drive it.
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.address = address;
        self
    }

    /// How others reach it, as in `http://partner-center:4000`, without a slash at the end: in all URLs that it gives out.
    /// Default: the address that it listens at. A [`Receiver`](crate::Receiver) takes plain http on loopback addresses only.
    pub fn base_url(mut self, base_url: impl Into<String>) -> Self {
        self.base_url = Some(base_url.into());
        self
    }

    /// Who issues signing certificates. Default: an issuer of its own, made when it is needed first, in the time of the clock.
    pub fn issuer(mut self, issuer: Issuer) -> Self {
        self.issuer = Some(issuer);
        self
    }

    /// Delivers callbacks to https URLs through `client`. Default: none, so that there are no such deliveries. Those to http
    /// URLs are made without it, and have the headers that are documented, and no others.
    pub fn http_client(mut self, client: impl HttpClient + 'static) -> Self {
        self.client = Some(Arc::new(client));
        self
    }

    /// How many attempts to deliver go on at once, which is not documented. Default: 100.
    pub fn concurrent_attempts(mut self, number: NonZeroUsize) -> Self {
        self.concurrent_attempts = number;
        self
    }

    /// Reads the time from `clock`. See [`PartnerCenter::set_clock`].
    pub fn clock(mut self, clock: impl Fn() -> OffsetDateTime + Send + Sync + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Starts it. Needs a tokio runtime with I/O and time around it.
    ///
    /// # Errors
    ///
    /// Whatever keeps it from listening.
    pub async fn start(self) -> io::Result<PartnerCenter> {
        let listener = TcpListener::bind(self.address).await?;
        let mut address = listener.local_addr()?;
        if address.ip().is_unspecified() {
            // An address to listen at, and none to call.
            address.set_ip(Ipv4Addr::LOCALHOST.into());
        }
        let base_url = self.base_url.unwrap_or_else(|| format!("http://{address}"));
        let dispatch = Dispatch::new(self.client, self.concurrent_attempts);
        let service = Service::new(base_url, self.issuer, dispatch, self.clock);
        let service = Arc::new(service);
        let server = tokio::spawn(server::serve(listener, Arc::clone(&service)));
        Ok(PartnerCenter { service, server })
    }
}

impl fmt::Debug for PartnerCenterBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PartnerCenterBuilder")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

/// Many listeners keep no more than 128 connections waiting; one beyond is made a second later.
const CONCURRENT_ATTEMPTS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(99);
