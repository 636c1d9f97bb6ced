//! The evidence that the receiver got, and must know.

use std::collections::BTreeMap;

use partner_center_webhooks::chain::Revocation;

use super::model::Case;
use super::truth::{CertId, Moment, Truth};

/// A revocation list that a receiver got.
#[derive(Clone, Debug)]
pub(crate) struct Listing {
    /// The part of the leaf certificates' list; `None` for the root's list.
    pub(crate) part: Option<u32>,
    pub(crate) revoked: Vec<CertId>,
    /// In unix seconds.
    pub(crate) next_update: u64,
}

/// What the current receiver got. What an earlier one got counts if its state was exported.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memory {
    pub(crate) generation: usize,
    started: u64,
    /// By key: the certificate under which this receiver last accepted a callback, and when.
    accepted: BTreeMap<usize, (CertId, u64)>,
    /// When this receiver first accepted a callback under a certificate. Before, it may not have verified the certificate.
    first_accepted: BTreeMap<CertId, u64>,
    /// The same, including earlier receivers whose state was exported.
    verified: BTreeMap<usize, (CertId, u64)>,
    /// When the host first served it a certificate.
    delivered: BTreeMap<CertId, u64>,
    /// What the host served it, in order, also before a restart with an exported state. Without repetitions.
    given: Vec<Given>,
    /// When a callback was last accepted under a certificate.
    taken: BTreeMap<CertId, u64>,
    /// When the host last served a certificate that this receiver had verified before, with its lists: it was verified again.
    renewed: BTreeMap<CertId, u64>,
    /// When the last receiver exported a certificate that the host served it.
    exported: BTreeMap<CertId, u64>,
    /// Until when the lists that it got are in force, by part.
    lists: BTreeMap<Option<u32>, u64>,
    /// When it got a list that revokes a certificate that it had.
    seen_revoked: BTreeMap<CertId, u64>,
    /// Since when callbacks arrive every hour, and the last one.
    hourly_since: u64,
    last_callback: u64,
}

#[derive(Clone, Debug)]
struct Given {
    at: u64,
    key: usize,
    certificate: CertId,
    /// Whether a callback was accepted under it before the host served another.
    is_current: bool,
}

/// The promises when a callback arrives.
#[derive(Clone, Debug)]
pub(crate) struct Promise {
    pub(crate) key: usize,
    pub(crate) came: Moment,
    pub(crate) generation: usize,
    kept: Option<CertId>,
    verified: Option<(CertId, u64)>,
}

/// A fetch that got a list has ended after this time.
const LANDED_MS: u64 = 10_000;
/// How many replaced signers are kept, and how long.
const FORMERS: usize = 2;
const FORMER_MS: u64 = 7 * 24 * HOUR_MS;
/// The possible error of the receiver's clock between the two times.
const STEPS_MS: u64 = 11 * 60_000;
const HOUR_MS: u64 = 3_600_000;
/// When a revocation must be known: a day between two fetches of the lists, an hour between callbacks, and 20 seconds.
pub(crate) const OVERDUE_MS: u64 = 25 * HOUR_MS + 20_000;

impl Memory {
    pub(crate) fn restarted(&mut self, exported: bool, at: u64) {
        let before = std::mem::take(self);
        self.generation = before.generation + 1;
        self.started = at;
        self.hourly_since = at;
        self.last_callback = at;
        if exported {
            self.verified = before.verified;
            self.given = before.given;
            self.taken = before.taken;
            self.exported = before.exported;
            for id in before.delivered.into_keys() {
                let exported = self.exported.entry(id).or_insert(at);
                // Others may have been served without their path or their lists, so that they were not verified.
                if before.renewed.contains_key(&id) {
                    *exported = at;
                }
            }
            self.seen_revoked = before.seen_revoked;
        }
    }

    pub(crate) fn certificate_delivered(
        &mut self,
        truth: &Truth,
        certificate: CertId,
        now: Moment,
    ) {
        let (key, at) = (truth.key_of(certificate), now.ms);
        let is_known = self.first_accepted.contains_key(&certificate);
        if is_known && self.has_lists(truth, certificate, now) {
            self.renewed.insert(certificate, at);
        }
        if self.given.last().is_none_or(|last| last.certificate != certificate) {
            self.given.push(Given { at, key, certificate, is_current: false });
        }
        self.delivered.entry(certificate).or_insert(at);
    }

    pub(crate) fn list_delivered(&mut self, truth: &Truth, list: &Listing, at: u64) {
        self.lists.insert(list.part, list.next_update);
        for revoked in &list.revoked {
            let names_it = list.part == Some(truth.certificates[*revoked].part);
            if names_it && self.delivered.contains_key(revoked) {
                self.seen_revoked.entry(*revoked).or_insert(at);
            }
        }
    }

    /// A callback of a known key got a response.
    pub(crate) fn responded(&mut self, promise: &Promise, accepted: Option<CertId>, at: u64) {
        if promise.generation != self.generation {
            return;
        }
        if self.last_callback + HOUR_MS < promise.came.ms {
            self.hourly_since = promise.came.ms;
        }
        self.last_callback = self.last_callback.max(promise.came.ms);
        if let Some(certificate) = accepted {
            let is_provable = self.is_provable(promise, certificate);
            if let Some(last) = self.given.last_mut() {
                last.is_current |= last.certificate == certificate && is_provable;
            }
            self.taken.insert(certificate, at);
            self.accepted.insert(promise.key, (certificate, at));
            self.first_accepted.entry(certificate).or_insert(at);
            self.verified.insert(promise.key, (certificate, at));
        }
    }

    /// Whether a certificate that the host gave last was verified then, and not accepted as the former signer that it was.
    fn is_provable(&self, promise: &Promise, certificate: CertId) -> bool {
        let Some((last, before)) = self.given.split_last() else {
            return false;
        };
        let is_again = before.iter().any(|given| given.certificate == certificate);
        let is_known = self.first_accepted.get(&certificate).is_some_and(|first| *first <= last.at);
        !is_again || (is_known && promise.kept == Some(certificate))
    }

    pub(crate) fn promise(&self, truth: &Truth, key: usize, came: Moment) -> Promise {
        let was_replaced = self.was_replaced(key, came.ms);
        let good = |(certificate, at): &&(CertId, u64)| {
            !was_replaced && truth.is_good(*certificate, *at, came)
        };
        let kept = self.accepted.get(&key).filter(good).map(|(id, _)| *id);
        Promise {
            key,
            came,
            generation: self.generation,
            kept: kept.filter(|id| self.has_lists(truth, *id, came)),
            verified: self.verified.get(&key).filter(good).copied(),
        }
    }

    /// Whether, as far as the receiver was shown, this key may have been replaced for good: more than seven days ago, or by
    /// three others. It cannot know that the host went back to it since, unless it took the certificate that it was given.
    fn was_replaced(&self, key: usize, now: u64) -> bool {
        let is_taken = |index: &usize| {
            let given = &self.given[*index];
            let accepted = self.taken.get(&given.certificate);
            // Served again, it may have been accepted as the former signer that it was, although it could not be verified again.
            let is_again =
                self.given[..*index].iter().any(|before| before.certificate == given.certificate);
            let is_accepted = accepted.is_some_and(|accepted| *accepted >= given.at);
            given.key == key && (given.is_current || is_accepted && !is_again)
        };
        let Some(last) = (0..self.given.len()).rfind(is_taken) else {
            return false;
        };
        let later = self.given[last + 1..].iter().filter(|given| given.key != key);
        let mut others: Vec<_> = later.clone().map(|given| given.key).collect();
        others.sort_unstable();
        others.dedup();
        // A signer that was exported seven days ago may have been replaced then: only the host knows.
        let certificate = self.given[last].certificate;
        let is_new = !self.exported.contains_key(&certificate);
        let is_verified = match is_new {
            true => self.delivered.contains_key(&certificate),
            false => self.renewed.contains_key(&certificate),
        };
        let known_at = match is_verified {
            true => now,
            false => self.exported.get(&certificate).copied().unwrap_or(0),
        };
        let is_old = |given: &Given| given.at.min(known_at) + FORMER_MS <= now + STEPS_MS;
        later.clone().next().is_some_and(is_old) || others.len() > FORMERS
    }

    /// Since when, at the latest, the receiver keeps a certificate that the host gave it. One that the host goes back to may
    /// have been forgotten, and in `BestEffort` its first callback is accepted before its lists have come.
    fn held_since(&self, certificate: CertId) -> Option<u64> {
        let mut given = self.given.iter().rev();
        let last = given.find(|given| given.certificate == certificate)?;
        Some(last.at)
    }

    /// Whether the evidence about a certificate is in force, if that is required.
    fn has_lists(&self, truth: &Truth, certificate: CertId, now: Moment) -> bool {
        let part = truth.certificates[certificate].part;
        let in_force = |part| self.lists.get(&part).is_some_and(|end| now.clock < *end);
        truth.mode != Revocation::Required || (in_force(None) && in_force(Some(part)))
    }

    /// The promises about the response.
    pub(crate) fn case(
        &self,
        truth: &Truth,
        promise: &Promise,
        accepted: Option<CertId>,
        now: Moment,
    ) -> Case {
        let Promise { key, came, kept, verified, .. } = promise;
        let mut case = Case {
            what: format!("a callback under key {key}"),
            forged: accepted.and_then(|id| self.objection(truth, *key, id, *came, now)),
            ..Case::default()
        };
        if truth.is_revoked(*key) {
            return case;
        }
        let is_current = truth.key_of(truth.current) == *key;
        let alone = !truth.may_have_shown_another(*key, came.ms, now.ms);
        // The response may have waited for a fetch of yet another key.
        let verified = !self.was_replaced(*key, now.ms)
            && verified.is_some_and(|(id, at)| truth.is_good(id, at, now));
        case.protected = match (verified, is_current && alone) {
            (true, _) => Some("it verified before, and was served within seven days"),
            (_, true) => Some("the host has served no other certificate for five seconds"),
            _ => None,
        };
        let under = |id| format!("it was accepted under certificate {id}, which is good still");
        case.kept = kept.map(under);
        if truth.is_well(*key, *came) {
            case.well = Some("everything has been well for twenty seconds");
        } else if kept.is_some() && truth.mode != Revocation::Required {
            case.well = Some("its signer is kept");
        }
        case
    }

    /// The reason why nothing may be accepted under a certificate.
    fn objection(
        &self,
        truth: &Truth,
        key: usize,
        id: CertId,
        came: Moment,
        now: Moment,
    ) -> Option<String> {
        let certificate = &truth.certificates[id];
        if certificate.key != key {
            return Some(format!("certificate {id} has another key"));
        }
        if !certificate.is_valid_at(came.clock) && !certificate.is_valid_at(now.clock) {
            return Some(format!("certificate {id} is not in force"));
        }
        let revoked = certificate.revoked_at?;
        if truth.mode == Revocation::DangerOff {
            return None;
        }
        if let Some(seen) = self.seen_revoked.get(&id)
            && seen + LANDED_MS <= came.ms
        {
            return Some(format!(
                "certificate {id} is revoked, and the receiver was given the list at {seen} ms"
            ));
        }
        let hourly = came.ms.saturating_sub(self.last_callback) <= HOUR_MS;
        let since = revoked
            .max(truth.authorities_well_since()?)
            .max(self.hourly_since)
            .max(self.started)
            .max(self.held_since(id)?)
            .max(*self.first_accepted.get(&id)?);
        (hourly && since + OVERDUE_MS <= came.ms).then(|| {
            format!("certificate {id} is revoked, and the lists could be asked since {since} ms")
        })
    }
}
