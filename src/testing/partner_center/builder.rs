//! The builder of [`PartnerCenter`].

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::sync::Arc;

use time::OffsetDateTime;
use tokio::net::TcpListener;

use super::fake::PartnerCenter;
use super::state::State;
use crate::http_client::HttpClient;
use crate::testing::authority::Issuer;
use crate::testing::loopback::deliveries::{self, Deliveries};
use crate::testing::loopback::server::Clock;
use crate::testing::loopback::server::Server;

impl PartnerCenter {
    /// Starts a fake on a free port. Must be called within a tokio runtime with I/O and time enabled.
    ///
    /// # Errors
    ///
    /// If the port cannot be bound.
    pub async fn start() -> io::Result<Self> {
        Self::builder().start().await
    }

    /// Returns a builder.
    pub fn builder() -> PartnerCenterBuilder {
        PartnerCenterBuilder::new()
    }
}

/// Builds a [`PartnerCenter`]. Every setting has a default.
///
/// # Example: certificates of another year
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use partner_center_webhooks::testing::PartnerCenter;
/// use time::{Duration, OffsetDateTime};
///
/// let next_year = || OffsetDateTime::now_utc() + Duration::days(365);
/// let fake = PartnerCenter::builder().clock(next_year).start().await?;
/// assert!(fake.base_url().starts_with("http://127.0.0.1:"));
/// assert_eq!(fake.cloud().api_base(), fake.base_url());
/// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub struct PartnerCenterBuilder {
    address: SocketAddr,
    base_url: Option<String>,
    issuer: Option<Issuer>,
    client: Option<Arc<dyn HttpClient>>,
    concurrent_attempts: usize,
    clock: Clock,
}

impl PartnerCenterBuilder {
    fn new() -> Self {
        Self {
            address: (Ipv4Addr::LOCALHOST, 0).into(),
            base_url: None,
            issuer: None,
            client: None,
            concurrent_attempts: deliveries::CONCURRENT_ATTEMPTS,
            clock: Clock::default(),
        }
    }

    /// Sets the address to listen on. Default: a free port of 127.0.0.1. Every client that can connect can read all secrets
    /// and control the fake.
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.address = address;
        self
    }

    /// Sets the base URL in all URLs that the fake returns, for example `http://partner-center:4000`, without a trailing
    /// slash. Default: the address it listens on. A [`Receiver`](crate::Receiver) accepts plain http on loopback only.
    pub fn base_url(mut self, base_url: impl Into<String>) -> Self {
        self.base_url = Some(base_url.into());
        self
    }

    /// Sets the issuer of signing certificates. Default: a new one, created at the clock's time when first needed.
    pub fn issuer(mut self, issuer: Issuer) -> Self {
        self.issuer = Some(issuer);
        self
    }

    /// Sets the client for deliveries to https URLs. Default: none; such deliveries fail. Deliveries to http URLs do not use
    /// it, and have exactly the documented headers.
    pub fn http_client(mut self, client: impl HttpClient + 'static) -> Self {
        self.client = Some(Arc::new(client));
        self
    }

    /// Sets the maximum number of concurrent attempts, which is not documented. Default: 100.
    pub fn concurrent_attempts(mut self, number: NonZeroUsize) -> Self {
        self.concurrent_attempts = number.get();
        self
    }

    /// Sets the clock. See [`PartnerCenter::set_clock`].
    pub fn clock(mut self, clock: impl Fn() -> OffsetDateTime + Send + Sync + 'static) -> Self {
        self.clock = Clock::new(clock);
        self
    }

    /// Starts the fake. Must be called within a tokio runtime with I/O and time enabled.
    ///
    /// # Errors
    ///
    /// If the address cannot be bound.
    pub async fn start(self) -> io::Result<PartnerCenter> {
        let listener = TcpListener::bind(self.address).await?;
        let mut address = listener.local_addr()?;
        if address.ip().is_unspecified() {
            // Clients cannot connect to the unspecified address.
            address.set_ip(Ipv4Addr::LOCALHOST.into());
        }
        let base_url = self.base_url.unwrap_or_else(|| format!("http://{address}"));
        let deliveries = Deliveries::new(self.concurrent_attempts);
        let state = State::new(self.clock, self.issuer, deliveries, self.client);
        let server = Server::on(listener, base_url, state);
        Ok(PartnerCenter { server })
    }
}

impl fmt::Debug for PartnerCenterBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PartnerCenterBuilder")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}
