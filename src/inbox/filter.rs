//! Which callbacks an operator means.

use std::num::NonZeroU32;

use time::OffsetDateTime;
use uuid::Uuid;

use super::record::State;
use crate::signature::BodyDigest;

/// Selects stored callbacks. The default selects all; each setting narrows it.
///
/// # Example
///
/// ```
/// use partner_center_webhooks::inbox::{Filter, State};
///
/// let parked = Filter::new().with_state(State::Parked).with_event("invoice-ready");
/// assert_eq!(parked.state, Some(State::Parked));
///
/// let one = Filter::new().with_digest_prefix("3fa91c").unwrap();
/// assert!(one.digests.unwrap().0.to_string().starts_with("3fa91c0000"));
/// assert_eq!(Filter::new().with_digest_prefix("3fa9"), None); // too short: six digits at least
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Filter {
    /// Only those in this state.
    pub state: Option<State>,
    /// Only those with this event name.
    pub event: Option<String>,
    /// Only those of this customer.
    pub customer: Option<Uuid>,
    /// Only those stored at this time or later.
    pub stored_since: Option<OffsetDateTime>,
    /// Only those stored before this time.
    pub stored_before: Option<OffsetDateTime>,
    /// Only those whose digest is in this range, both ends included.
    pub digests: Option<(BodyDigest, BodyDigest)>,
}

impl Filter {
    /// Selects everything.
    pub fn new() -> Self {
        Self::default()
    }

    /// Selects the callback with this digest.
    pub fn digest(digest: BodyDigest) -> Self {
        Self { digests: Some((digest, digest)), ..Self::default() }
    }

    /// Only those in this state.
    #[must_use]
    pub fn with_state(mut self, state: State) -> Self {
        self.state = Some(state);
        self
    }

    /// Only those with this event name, such as `invoice-ready`. The comparison is exact.
    #[must_use]
    pub fn with_event(mut self, name: impl Into<String>) -> Self {
        self.event = Some(name.into());
        self
    }

    /// Only those of this customer's tenant.
    #[must_use]
    pub fn with_customer(mut self, tenant: Uuid) -> Self {
        self.customer = Some(tenant);
        self
    }

    /// Only those stored at this time or later, by the engine's clock.
    ///
    /// ```
    /// use partner_center_webhooks::inbox::Filter;
    /// use time::{Duration, OffsetDateTime};
    ///
    /// let noon = OffsetDateTime::UNIX_EPOCH + Duration::hours(12);
    /// let hour = Filter::new().with_stored_since(noon).with_stored_before(noon + Duration::hours(1));
    /// assert_eq!(hour.stored_since, Some(noon)); // 12:00 is in it, 13:00 is not
    /// ```
    #[must_use]
    pub fn with_stored_since(mut self, time: OffsetDateTime) -> Self {
        self.stored_since = Some(time);
        self
    }

    /// Only those stored before this time.
    #[must_use]
    pub fn with_stored_before(mut self, time: OffsetDateTime) -> Self {
        self.stored_before = Some(time);
        self
    }

    /// Only those whose digest starts with these hexadecimal digits: 6 to 64, in any case. `None` for other text.
    ///
    /// Six digits are one of 16 million, so they name one callback of an ordinary inbox. Whoever deletes or discards by them should
    /// list first.
    ///
    /// ```
    /// use partner_center_webhooks::inbox::Filter;
    ///
    /// assert_eq!(Filter::new().with_digest_prefix("3FA91C"), Filter::new().with_digest_prefix("3fa91c"));
    /// assert_eq!(Filter::new().with_digest_prefix("3fa91g"), None); // not hexadecimal
    /// assert_eq!(Filter::new().with_digest_prefix(&"a".repeat(65)), None); // longer than a digest
    /// ```
    #[must_use]
    pub fn with_digest_prefix(mut self, digits: &str) -> Option<Self> {
        let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !(6..=64).contains(&digits.len()) || !is_hex {
            return None;
        }
        let bound = |fill: &str| {
            let missing = 64_usize.saturating_sub(digits.len());
            digest_of_hex(&format!("{digits}{}", fill.repeat(missing)))
        };
        self.digests = Some((bound("0")?, bound("f")?));
        Some(self)
    }
}

fn digest_of_hex(digits: &str) -> Option<BodyDigest> {
    let fingerprint = crate::chain::Fingerprint::from_hex(digits)?;
    Some(BodyDigest::from_bytes(*fingerprint.as_bytes()))
}

/// A part of a list, in order of arrival.
///
/// Continue with [`after`](Self::after) the last `seq` of the part before. Parts do not overlap, also if callbacks are stored or pruned
/// meanwhile.
///
/// # Example
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// # use partner_center_webhooks::{crypto::DefaultBackend, testing::{Issuer, MemoryInbox}};
/// use std::num::NonZeroU32;
///
/// use partner_center_webhooks::inbox::{Filter, Inbox, Page, VerifiedCallback};
///
/// # let issuer = Issuer::new()?;
/// # let signer = issuer.signer()?;
/// # let receiver = issuer.receiver(DefaultBackend::new(), &signer)?.build()?;
/// # let inbox = MemoryInbox::new();
/// # for number in 0..5 {
/// #     let request = signer.callback(format!(r#"{{"EventName":"invoice-ready","Number":{number}}}"#))?;
/// #     inbox.store(&VerifiedCallback::receive(&receiver, &request.headers, request.body).await?).await?;
/// # }
/// let (mut page, mut seen) = (Page::first(NonZeroU32::new(2).unwrap()).newest_first(), Vec::new());
/// loop {
///     let part = inbox.list(&Filter::new(), page).await?;
///     seen.extend(part.iter().map(|entry| entry.seq));
///     match part.last() {
///         Some(last) => page = page.after(last.seq),
///         None => break,
///     }
/// }
/// assert_eq!(seen, [5, 4, 3, 2, 1]);
/// # Ok(()) }) }
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Page {
    /// Callbacks after this number; with [`newest_first`](Self::newest_first), before it.
    pub after: Option<u64>,
    /// How many at most. Default: 50.
    pub limit: NonZeroU32,
    /// Whether the newest comes first. Default: the oldest.
    pub newest_first: bool,
}

impl Page {
    /// The first part, of at most `limit` callbacks.
    pub fn first(limit: NonZeroU32) -> Self {
        Self { limit, ..Self::default() }
    }

    /// The part after number `seq`.
    #[must_use]
    pub fn after(mut self, seq: u64) -> Self {
        self.after = Some(seq);
        self
    }

    /// The newest first.
    #[must_use]
    pub fn newest_first(mut self) -> Self {
        self.newest_first = true;
        self
    }
}

impl Default for Page {
    fn default() -> Self {
        let limit = NonZeroU32::MIN.saturating_add(49);
        Self { after: None, limit, newest_first: false }
    }
}
