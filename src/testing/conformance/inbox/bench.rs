//! The inbox under test, and what it stores.

use std::fmt::Debug;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use crate::crypto::Backend;
use crate::duplicates::Settled;
use crate::inbox::{
    ClaimToken, Claimed, Entry, Filter, Inbox, InboxError, Page, State, Stored, VerifiedCallback,
};
use crate::testing::authority::Issuer;
use crate::testing::conformance::bench::TestClock;

/// Signed callbacks. Signing is slow, so all rules share them.
#[derive(Clone)]
pub(super) struct Callbacks {
    /// Events of different resources.
    pub(super) events: Arc<[VerifiedCallback]>,
    /// Events of one resource.
    pub(super) siblings: Arc<[VerifiedCallback]>,
    /// A genuine body that is not an event.
    pub(super) oddity: VerifiedCallback,
}

impl Callbacks {
    pub(super) async fn new(backend: impl Backend + 'static) -> Result<Self, InboxNonconformance> {
        let signing = |error: &dyn std::fmt::Display| InboxNonconformance {
            rule: "callbacks can be signed",
            found: error.to_string(),
        };
        let issuer = Issuer::new().map_err(|error| signing(&error))?;
        let signer = issuer.signer().map_err(|error| signing(&error))?;
        let receiver = issuer.receiver(backend, &signer);
        let receiver = receiver.map_err(|error| signing(&error))?.build();
        let receiver = receiver.map_err(|error| signing(&error))?;
        let callback = async |body: String| {
            let request = signer.callback(body).map_err(|error| signing(&error))?;
            let received = VerifiedCallback::receive(&receiver, &request.headers, request.body);
            received.await.map_err(|error| signing(&error))
        };
        let (mut events, mut siblings) = (Vec::new(), Vec::new());
        for number in 0..EVENTS {
            let customer = format!("{RESOURCES}/customers/{CUSTOMER}");
            let resource = format!("{customer}/subscriptions/{number}");
            events.push(callback(event("subscription-updated", &resource, number)).await?);
            let resource = format!("{customer}/invoices/1");
            siblings.push(callback(event("invoice-ready", &resource, number)).await?);
        }
        let oddity = callback("\u{0} not an event".to_owned()).await?;
        Ok(Self { events: events.into(), siblings: siblings.into(), oddity })
    }
}

fn event(name: &str, resource: &str, number: usize) -> String {
    format!(r#"{{"EventName":"{name}","ResourceUri":"{resource}","Number":{number}}}"#)
}

/// An inbox with a new store.
pub(super) struct Bench {
    pub(super) clock: TestClock,
    pub(super) nodes: [Arc<dyn Inbox>; 2],
    pub(super) callbacks: Callbacks,
}

impl Bench {
    pub(super) fn node(&self, number: usize) -> &dyn Inbox {
        let [even, odd] = &self.nodes;
        match number % 2 {
            0 => &**even,
            _ => &**odd,
        }
    }

    pub(super) fn events(&self, count: usize) -> &[VerifiedCallback] {
        self.callbacks.events.get(..count).unwrap_or_default()
    }

    pub(super) fn siblings(&self, count: usize) -> &[VerifiedCallback] {
        self.callbacks.siblings.get(..count).unwrap_or_default()
    }

    /// Stores `callbacks` as new, by turns on both nodes.
    pub(super) async fn store_all(
        &self,
        rule: Rule,
        callbacks: &[VerifiedCallback],
    ) -> Result<(), InboxNonconformance> {
        for (number, callback) in callbacks.iter().enumerate() {
            let stored = rule.ok(self.node(number).store(callback).await)?;
            rule.equal(&stored, &Stored::New)?;
        }
        Ok(())
    }

    pub(super) async fn claim(
        &self,
        rule: Rule,
        node: usize,
        limit: u32,
    ) -> Result<Vec<Claimed>, InboxNonconformance> {
        let limit = NonZeroU32::new(limit).unwrap_or(NonZeroU32::MIN);
        rule.ok(self.node(node).claim(limit, LEASE).await)
    }

    /// Claims the only callback that is due.
    pub(super) async fn claim_one(
        &self,
        rule: Rule,
        node: usize,
    ) -> Result<Claimed, InboxNonconformance> {
        let mut claims = self.claim(rule, node, 10).await?;
        match (claims.pop(), claims.is_empty()) {
            (Some(claimed), true) => Ok(claimed),
            (last, _) => Err(rule.broken(&("one claim", claims, last))),
        }
    }

    pub(super) async fn claim_none(&self, rule: Rule) -> Result<(), InboxNonconformance> {
        for node in [0, 1] {
            let claims = self.claim(rule, node, 10).await?;
            rule.equal(&tokens(&claims), &Vec::new())?;
        }
        Ok(())
    }

    pub(super) async fn entry(
        &self,
        rule: Rule,
        callback: &VerifiedCallback,
    ) -> Result<Entry, InboxNonconformance> {
        let filter = Filter::digest(callback.digest());
        let mut entries = rule.ok(self.node(1).list(&filter, Page::default()).await)?;
        match (entries.pop(), entries.is_empty()) {
            (Some(entry), true) => Ok(entry),
            (last, _) => Err(rule.broken(&("one entry", entries, last))),
        }
    }

    pub(super) async fn state(
        &self,
        rule: Rule,
        callback: &VerifiedCallback,
        state: State,
    ) -> Result<(), InboxNonconformance> {
        rule.equal(&self.entry(rule, callback).await?.state, &state)
    }
}

pub(super) fn tokens(claims: &[Claimed]) -> Vec<ClaimToken> {
    claims.iter().map(|claimed| claimed.token).collect()
}

/// Checks results under the name of a rule.
#[derive(Clone, Copy)]
pub(super) struct Rule(pub(super) &'static str);

impl Rule {
    pub(super) fn ok<T>(self, result: Result<T, InboxError>) -> Result<T, InboxNonconformance> {
        result.map_err(|error| self.broken(&error))
    }

    pub(super) fn equal<T: Debug + PartialEq>(
        self,
        found: &T,
        expected: &T,
    ) -> Result<(), InboxNonconformance> {
        match found == expected {
            true => Ok(()),
            false => Err(self.broken(&(("found", found), ("expected", expected)))),
        }
    }

    pub(super) fn current(
        self,
        settled: Result<Settled, InboxError>,
    ) -> Result<(), InboxNonconformance> {
        self.equal(&self.ok(settled)?, &Settled::Current)
    }

    pub(super) fn stale(
        self,
        settled: Result<Settled, InboxError>,
    ) -> Result<(), InboxNonconformance> {
        self.equal(&self.ok(settled)?, &Settled::Stale)
    }

    pub(super) fn at<T>(self, items: &[T], index: usize) -> Result<&T, InboxNonconformance> {
        items.get(index).ok_or_else(|| self.broken(&("fewer items than", index)))
    }

    pub(super) fn broken(self, found: &dyn Debug) -> InboxNonconformance {
        InboxNonconformance { rule: self.0, found: format!("{found:?}") }
    }
}

/// A rule that an inbox breaks.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("the inbox breaks a rule: {rule}; found: {found}")]
#[non_exhaustive]
pub struct InboxNonconformance {
    /// The rule.
    pub rule: &'static str,
    /// What was found, and what was expected.
    pub found: String,
}

pub(super) const LEASE: Duration = Duration::from_secs(60);
pub(super) const SECOND: Duration = Duration::from_secs(1);
const CUSTOMER: &str = "4b2a6e33-8791-4386-bd2b-0d55baf25039";
const EVENTS: usize = 24;
const RESOURCES: &str = "https://api.partnercenter.microsoft.com/v1";
