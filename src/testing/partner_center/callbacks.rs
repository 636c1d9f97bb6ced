//! [`PartnerCenter`]: callbacks, their deliveries, and commands.

use bytes::Bytes;

use super::command::Command;
use super::delivery::{Delivery, Outcome};
use super::fake::PartnerCenter;
use super::forgery::Forgery;
use crate::event::EventName;
use crate::testing::error::TestKitError;

impl PartnerCenter {
    /// Emits an event: stores the resource that it points to, and delivers it to the registered webhook URL. Returns the
    /// number of the delivery.
    ///
    /// The body is compact JSON with the documented members in their documented order; it points to resources of this fake.
    ///
    /// # Errors
    ///
    /// [`TestKitError`], for example if the event is not registered; nothing is sent then.
    ///
    /// # Example: an event that is not registered
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// use partner_center_webhooks::EventName;
    /// use partner_center_webhooks::testing::PartnerCenter;
    ///
    /// let fake = PartnerCenter::start().await?;
    /// fake.run(&"register http://127.0.0.1:8080/callback invoice-ready".parse()?)?;
    /// let error = fake.emit(&EventName::ReferralCreated).unwrap_err();
    /// let expected = "the event `referral-created` is not registered (registered: invoice-ready)";
    /// assert_eq!(error.to_string(), expected);
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn emit(&self, name: &EventName) -> Result<usize, TestKitError> {
        self.server.service().emit(name)
    }

    /// Signs and delivers `body` unchanged. If it contains an event name, that event must be registered.
    ///
    /// # Errors
    ///
    /// [`TestKitError`].
    pub fn emit_body(&self, body: impl Into<Bytes>) -> Result<usize, TestKitError> {
        self.server.service().emit_body(body.into())
    }

    /// Requests a validation event, as through the API and under its limit. Returns the correlation id.
    ///
    /// # Errors
    ///
    /// [`TestKitError::Refused`] if the API refuses it.
    pub fn request_validation_event(&self) -> Result<String, TestKitError> {
        self.server.service().request_validation_event()
    }

    /// Sends a forged callback, once.
    ///
    /// # Errors
    ///
    /// [`TestKitError`].
    ///
    /// # Example: a service that refuses every forgery
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// use axum::Router;
    /// use axum::body::Bytes;
    /// use axum::http::{HeaderMap, StatusCode};
    /// use axum::routing::post;
    /// use partner_center_webhooks::crypto::DefaultBackend;
    /// use partner_center_webhooks::testing::PartnerCenter;
    /// use partner_center_webhooks::testing::partner_center::{Forgery, Outcome};
    ///
    /// let fake = PartnerCenter::start().await?;
    /// let receiver = fake.receiver_builder(DefaultBackend::new())?.build()?;
    /// let callback = post(move |headers: HeaderMap, body: Bytes| {
    ///     let receiver = receiver.clone();
    ///     async move {
    ///         match receiver.receive(&headers, &body).await {
    ///             Ok(_) => StatusCode::OK,
    ///             Err(error) => error.status(),
    ///         }
    ///     }
    /// });
    /// let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    /// let url = format!("http://{}/callback", listener.local_addr()?);
    /// tokio::spawn(async move {
    ///     axum::serve(listener, Router::new().route("/callback", callback)).await
    /// });
    ///
    /// fake.run(&format!("register {url}").parse()?)?;
    /// for forgery in Forgery::ALL {
    ///     fake.forge(*forgery)?;
    /// }
    /// fake.settled().await;
    /// for delivery in fake.deliveries() {
    ///     assert_eq!(delivery.outcome(), Outcome::Refused, "{delivery}");
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn forge(&self, forgery: Forgery) -> Result<usize, TestKitError> {
        self.server.service().forge(forgery)
    }

    /// Sends delivery `number` again, once, with its original signature.
    ///
    /// # Errors
    ///
    /// [`TestKitError`].
    pub fn replay(&self, number: usize) -> Result<usize, TestKitError> {
        self.server.service().replay(number)
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
    ///
    /// # Example: nothing is in progress yet
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// use partner_center_webhooks::testing::PartnerCenter;
    ///
    /// let fake = PartnerCenter::start().await?;
    /// fake.settled().await;
    /// assert!(fake.deliveries().is_empty() && fake.offline_queue().is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn settled(&self) {
        self.server.service().settled().await;
    }

    /// Calls `observer` after each attempt, with the delivery as it stands. Replaces an earlier observer.
    ///
    /// # Example: a log of all attempts
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// use std::sync::{Arc, Mutex};
    ///
    /// use partner_center_webhooks::testing::PartnerCenter;
    ///
    /// let fake = PartnerCenter::start().await?;
    /// fake.run(&"register http://127.0.0.1:1/".parse()?)?; // No server listens there.
    /// fake.configure(|quirks| quirks.delivery_attempts = 1);
    ///
    /// let log = Arc::new(Mutex::new(Vec::new()));
    /// let lines = Arc::clone(&log);
    /// fake.on_attempt(move |delivery| lines.lock().unwrap().push(delivery.to_string()));
    /// fake.run(&"emit invoice-ready".parse()?)?;
    /// fake.settled().await;
    /// let log = log.lock().unwrap();
    /// assert!(log[0].starts_with("delivery 1 invoice-ready attempt 1: no response: "), "{log:?}");
    /// assert!(log[0].ends_with(", offline"), "{log:?}");
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn on_attempt(&self, observer: impl Fn(&Delivery) + Send + Sync + 'static) {
        self.server.state().deliveries.observe(observer);
    }

    /// Runs a command, and returns a short description of its effect.
    ///
    /// # Errors
    ///
    /// [`TestKitError`].
    pub fn run(&self, command: &Command) -> Result<String, TestKitError> {
        command.run(self.server.service())
    }
}
