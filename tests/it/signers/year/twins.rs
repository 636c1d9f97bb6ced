//! The checker can fail: for each promise a response that keeps it, and a twin that breaks it.

use std::time::Duration;

use partner_center_webhooks::chain::{CertificateDer, Revocation};

use super::bounds::Bounds;
use super::memory::{Listing, Memory, OVERDUE_MS};
use super::model::{Answer, Case, Rule, check};
use super::pki::DAY;
use super::truth::{CertId, Certificate, KEPT_MS, Moment, RECOVERY_MS, Truth};
use crate::support::NOW;

const HOUR: u64 = 3_600_000;

/// A world with certificate 0 of key 0, and the evidence of its receiver.
#[derive(Clone)]
struct Scene {
    truth: Truth,
    memory: Memory,
}

fn certificate(key: usize) -> Certificate {
    Certificate {
        der: CertificateDer::from(vec![u8::try_from(key).unwrap()]),
        key,
        part: 0,
        not_before: NOW.as_secs() - DAY,
        not_after: NOW.as_secs() + 90 * DAY,
        revoked_at: None,
    }
}

fn moment(ms: u64) -> Moment {
    let clock = NOW.as_secs() + ms / 1_000;
    Moment { ms, clock }
}

fn response(status: u16) -> Answer {
    Answer {
        status: Some(status),
        retry_after: (status == 503).then_some(Duration::from_secs(10)),
        waited: Duration::ZERO,
        text: String::new(),
    }
}

fn after(ms: u64, response: Answer) -> Answer {
    let waited = Duration::from_millis(ms);
    Answer { waited, ..response }
}

impl Scene {
    fn new(mode: Revocation) -> Self {
        Self { truth: Truth::new(mode, true, certificate(0)), memory: Memory::default() }
    }

    /// The host served a certificate at a time, in milliseconds.
    fn delivered(&mut self, id: CertId, at: u64) {
        self.memory.certificate_delivered(&self.truth, id, moment(at));
    }

    /// A callback was accepted under a certificate at a time, in milliseconds.
    fn accepted(&mut self, id: CertId, at: u64) {
        let key = self.truth.key_of(id);
        let promise = self.memory.promise(&self.truth, key, moment(at));
        self.memory.responded(&promise, Some(id), at);
    }

    fn rotates_to(&mut self, key: usize, at: u64) -> CertId {
        let id = self.truth.add(certificate(key));
        self.truth.current = id;
        self.truth.serve(Some(id), at);
        id
    }

    fn case(&self, key: usize, at: u64, accepted: Option<CertId>) -> Case {
        let promise = self.memory.promise(&self.truth, key, moment(at));
        self.memory.case(&self.truth, &promise, accepted, moment(at))
    }

    /// The promise that a response at a time breaks.
    fn broken(&self, key: usize, at: u64, response: &Answer) -> Option<Rule> {
        let accepted = (response.status == Some(200)).then(|| {
            let mut certificates = self.truth.certificates.iter();
            certificates.position(|each| each.key == key).unwrap()
        });
        let case = self.case(key, at, accepted);
        check(&case, response).err().map(|violation| violation.rule)
    }
}

#[test]
fn a_forgery_that_is_accepted_is_objected_to() {
    let case = Case { forged: Some("it is forged".to_owned()), ..Case::default() };
    assert!(check(&case, &response(401)).is_ok());
    let violation = check(&case, &response(200)).unwrap_err();
    assert_eq!(violation.rule, Rule::Forged);
    // Of another key, and not in force by the receiver's clock.
    let scene = Scene::new(Revocation::DangerOff);
    assert!(scene.case(0, 0, Some(0)).forged.is_none());
    assert!(scene.case(1, 0, Some(0)).forged.is_some());
    assert!(scene.case(0, 91 * 24 * HOUR, Some(0)).forged.is_some());
}

#[test]
fn a_revoked_key_is_refused_once_the_list_was_served() {
    let list = |part| Listing { part, revoked: vec![0], next_update: NOW.as_secs() + 6 * DAY };
    for (mode, part, rule) in [
        (Revocation::BestEffort, Some(0), Some(Rule::Forged)),
        (Revocation::Required, Some(0), Some(Rule::Forged)),
        (Revocation::DangerOff, Some(0), None),
        // The list of another part does not concern it.
        (Revocation::BestEffort, Some(1), None),
        (Revocation::BestEffort, None, None),
    ] {
        let mut scene = Scene::new(mode);
        scene.delivered(0, 0);
        scene.truth.revoke(0, 1_000);
        assert_eq!(scene.broken(0, 20_000, &response(200)), None);
        scene.memory.list_delivered(&scene.truth, &list(part), 20_000);
        assert_eq!(scene.broken(0, 29_999, &response(200)), None);
        assert_eq!(scene.broken(0, 30_000, &response(200)), rule, "{mode:?}");
        assert_eq!(scene.broken(0, 30_000, &response(401)), None);
        scene.memory.restarted(true, 40_000);
        assert_eq!(scene.broken(0, 50_000, &response(200)), rule, "{mode:?}");
        scene.memory.restarted(false, 60_000);
        assert_eq!(scene.broken(0, 70_000, &response(200)), None);
    }
}

#[test]
fn a_revoked_key_is_refused_after_a_day_of_callbacks() {
    for (gap, outage, is_back, rule) in [
        (HOUR, false, false, Some(Rule::Forged)),
        (HOUR + 1, false, false, None),
        (HOUR, true, false, None),
        // The host has gone back to it.
        (HOUR, false, true, None),
        // It is accepted for the first time.
        (u64::MAX, false, false, None),
    ] {
        let mut scene = Scene::new(Revocation::BestEffort);
        scene.delivered(0, 0);
        scene.truth.revoke(0, 1_000);
        let mut at = if gap == u64::MAX { gap } else { 0 };
        while at < 1_000 + OVERDUE_MS {
            scene.accepted(0, at);
            at += gap;
        }
        if outage {
            scene.truth.authorities_are(false, HOUR);
            scene.truth.authorities_are(true, 2 * HOUR);
        }
        if is_back {
            scene.rotates_to(1, HOUR);
            scene.delivered(1, HOUR);
            scene.delivered(0, 9 * HOUR);
        }
        assert_eq!(scene.broken(0, OVERDUE_MS + 999, &response(200)), None);
        let due = OVERDUE_MS + 1_000;
        let broken = scene.broken(0, due, &response(200));
        assert_eq!(broken, rule, "{gap} {outage} {is_back}");
    }
}

#[test]
fn a_genuine_callback_that_is_refused_for_good_is_objected_to() {
    let mut scene = Scene::new(Revocation::BestEffort);
    scene.truth.host_is(false, 0);
    assert_eq!(scene.broken(0, 1_000, &response(401)), Some(Rule::Refused));
    assert_eq!(scene.broken(0, 1_000, &response(400)), Some(Rule::Refused));
    assert_eq!(scene.broken(0, 1_000, &response(503)), None);
    scene.rotates_to(1, HOUR);
    // A fetch a moment ago may have got the previous one.
    assert_eq!(scene.broken(1, HOUR + 6_000, &response(401)), None);
    let refused = scene.broken(1, HOUR + 6_001, &response(401));
    assert_eq!(refused, Some(Rule::Refused));
    // The former one was never verified.
    assert_eq!(scene.broken(0, HOUR + 6_001, &response(401)), None);
    scene.truth.revoke(1, 2 * HOUR);
    assert_eq!(scene.broken(1, 3 * HOUR, &response(401)), None);
}

#[test]
fn a_former_signer_that_was_verified_is_protected_for_seven_days() {
    let mut scene = Scene::new(Revocation::BestEffort);
    scene.accepted(0, 1_000);
    scene.truth.host_is(false, 0);
    scene.rotates_to(1, HOUR);
    let end = HOUR + KEPT_MS;
    assert_eq!(scene.broken(0, end - 1, &response(401)), Some(Rule::Refused));
    assert_eq!(scene.broken(0, end, &response(401)), None);
    scene.memory.restarted(true, 2 * HOUR);
    let refused = scene.broken(0, 3 * HOUR, &response(401));
    assert_eq!(refused, Some(Rule::Refused));
    // Two formers are kept, and no third.
    scene.rotates_to(2, 4 * HOUR);
    let refused = scene.broken(0, 5 * HOUR, &response(401));
    assert_eq!(refused, Some(Rule::Refused));
    scene.rotates_to(3, 6 * HOUR);
    assert_eq!(scene.broken(0, 7 * HOUR, &response(401)), None);
    scene.memory.restarted(false, 8 * HOUR);
    assert_eq!(scene.broken(1, 9 * HOUR, &response(401)), None);
}

#[test]
fn a_former_signer_is_protected_as_far_as_the_receiver_can_know() {
    const DAY: u64 = 24 * HOUR;
    // The host serves another key from the eighth day on, and goes back to the first a moment before the callback.
    let scene = |again_at: Option<u64>, restarted_at: Option<u64>| {
        let mut scene = Scene::new(Revocation::BestEffort);
        scene.delivered(0, 0);
        scene.accepted(0, 1_000);
        if let Some(at) = restarted_at {
            scene.memory.restarted(true, at);
        }
        let other = scene.rotates_to(1, 8 * DAY);
        scene.delivered(other, 8 * DAY);
        if let Some(at) = again_at {
            scene.delivered(0, at);
            scene.delivered(other, at + HOUR);
            scene.accepted(0, at + 2 * HOUR);
        }
        scene.truth.serve(Some(0), 16 * DAY);
        scene.truth.serve(Some(other), 16 * DAY + 1_000);
        scene
    };
    let refused = Some(Rule::Refused);
    for (again_at, restarted_at, at, rule) in [
        (None, None, 14 * DAY, refused),
        (None, None, 17 * DAY, None),
        // Exported within seven days, and before.
        (None, Some(6 * DAY), 12 * DAY, refused),
        (None, Some(4 * DAY), 12 * DAY, None),
        // It was accepted as a former signer when it was served again: that does not prolong its time.
        (Some(10 * DAY), None, 14 * DAY, refused),
        (Some(10 * DAY), None, 16 * DAY + HOUR, None),
    ] {
        let broken = scene(again_at, restarted_at).broken(0, at, &response(401));
        assert_eq!(broken, rule, "{again_at:?} {restarted_at:?} {at}");
    }
}

/// A certificate that is served again after a restart, and is not verified again, stays as old as its export: a callback under it
/// may have been accepted because of the export.
#[test]
fn an_export_is_renewed_by_what_was_verified_since() {
    const DAY: u64 = 24 * HOUR;
    let refused = Some(Rule::Refused);
    for (accepted_at, served_at, rule) in [
        (Some(5 * DAY), Some(5 * DAY + HOUR), refused),
        (Some(5 * DAY), None, None),
        (None, Some(5 * DAY), None),
        (Some(5 * DAY), Some(5 * DAY - HOUR), None),
    ] {
        let mut scene = Scene::new(Revocation::BestEffort);
        scene.delivered(0, 0);
        scene.accepted(0, 1_000);
        scene.memory.restarted(true, 4 * DAY);
        let mut steps = vec![];
        steps.extend(accepted_at.map(|at| (at, true)));
        steps.extend(served_at.map(|at| (at, false)));
        steps.sort_unstable();
        for (at, is_accepted) in steps {
            match is_accepted {
                true => scene.accepted(0, at),
                false => scene.delivered(0, at),
            }
        }
        // Within one receiver, and after another export.
        for restarts in [false, true] {
            let mut scene = scene.clone();
            if restarts {
                scene.memory.restarted(true, 6 * DAY);
            }
            let other = scene.rotates_to(1, 8 * DAY);
            scene.delivered(other, 8 * DAY);
            let broken = scene.broken(0, 12 * DAY, &response(401));
            assert_eq!(broken, rule, "{accepted_at:?} {served_at:?} {restarts}");
        }
    }
}

/// The host may serve a third other key while the callback waits.
#[test]
fn a_promise_ends_with_the_third_key_after_it() {
    for (third_at, rule) in [(None, Some(Rule::Refused)), (Some(5 * HOUR), None)] {
        let mut scene = Scene::new(Revocation::BestEffort);
        scene.delivered(0, 0);
        scene.accepted(0, 1_000);
        for (key, at) in [(1, HOUR), (2, 2 * HOUR)] {
            let other = scene.rotates_to(key, at);
            scene.delivered(other, at);
        }
        let promise = scene.memory.promise(&scene.truth, 0, moment(5 * HOUR));
        if let Some(at) = third_at {
            let third = scene.truth.add(certificate(3));
            scene.delivered(third, at);
        }
        let now = moment(5 * HOUR + 50);
        let case = scene.memory.case(&scene.truth, &promise, None, now);
        // By what is true, the second key was never replaced, so that a kept signer must be accepted.
        let case = Case { well: None, ..case };
        let broken = check(&case, &response(401)).err().map(|violation| violation.rule);
        assert_eq!(broken, rule, "{third_at:?}");
    }
}

/// A former signer that is served again, and accepted, may still be the former: a new receiver may be unable to verify it.
#[test]
fn a_former_signer_that_is_served_again_is_current_if_it_must_have_been_verified() {
    const DAY: u64 = 24 * HOUR;
    for (restarts, rule) in [(false, Some(Rule::Refused)), (true, None)] {
        let mut scene = Scene::new(Revocation::BestEffort);
        scene.delivered(0, 0);
        scene.accepted(0, 1_000);
        let other = scene.rotates_to(1, 8 * DAY);
        scene.delivered(other, 8 * DAY);
        if restarts {
            scene.memory.restarted(true, 9 * DAY);
        }
        scene.truth.serve(Some(0), 10 * DAY);
        scene.delivered(0, 10 * DAY);
        scene.accepted(0, 10 * DAY + HOUR);
        scene.truth.serve(Some(other), 11 * DAY);
        scene.delivered(other, 11 * DAY);
        let broken = scene.broken(0, 16 * DAY, &response(401));
        assert_eq!(broken, rule, "{restarts}");
    }
}

#[test]
fn a_kept_signer_that_waits_is_objected_to() {
    let mut scene = Scene::new(Revocation::BestEffort);
    assert_eq!(scene.broken(0, 1_000, &after(40, response(200))), None);
    scene.accepted(0, 1_000);
    assert_eq!(scene.broken(0, 2_000, &response(200)), None);
    let waited = after(1, response(200));
    assert_eq!(scene.broken(0, 2_000, &waited), Some(Rule::Waited));
    // At once, and not accepted.
    assert_eq!(scene.broken(0, 2_000, &response(503)), Some(Rule::Recovery));
    // Another receiver has not accepted anything yet.
    scene.memory.restarted(true, 3_000);
    assert_eq!(scene.broken(0, 4_000, &waited), None);
    // Required: only while the lists that it got are in force.
    let mut scene = Scene::new(Revocation::Required);
    scene.accepted(0, 1_000);
    assert_eq!(scene.broken(0, 2_000, &waited), None);
    for part in [None, Some(0)] {
        let next_update = NOW.as_secs() + 10;
        let list = Listing { part, revoked: Vec::new(), next_update };
        scene.memory.list_delivered(&scene.truth, &list, 1_000);
    }
    assert_eq!(scene.broken(0, 9_000, &waited), Some(Rule::Waited));
    assert_eq!(scene.broken(0, 10_000, &waited), None);
}

#[test]
fn what_does_not_recover_is_objected_to() {
    let mut scene = Scene::new(Revocation::Required);
    scene.truth.host_is(false, 1_000);
    scene.truth.host_is(true, HOUR);
    scene.truth.authorities_are(false, HOUR);
    scene.truth.authorities_are(true, 2 * HOUR);
    let due = 2 * HOUR + RECOVERY_MS;
    assert_eq!(scene.broken(0, due - 1, &response(503)), None);
    assert_eq!(scene.broken(0, due, &response(503)), Some(Rule::Recovery));
    assert_eq!(scene.broken(0, due, &after(4_000, response(200))), None);
    let late = after(5_300, response(200));
    assert_eq!(scene.broken(0, due, &late), Some(Rule::Recovery));
    // A callback that joined a fetch may wait for the next one.
    let joined = Case { joined: Duration::from_millis(4_000), ..scene.case(0, due, Some(0)) };
    assert!(check(&joined, &after(9_200, response(200))).is_ok());
    let late = check(&joined, &after(9_201, response(200)));
    assert_eq!(late.unwrap_err().rule, Rule::Recovery);
    let mut bounds = Bounds::default();
    bounds.certificate_departs("a", 1_000).unwrap();
    for (came, left) in [(999, 0), (1_000, 5_000), (4_000, 2_000), (6_000, 0)] {
        let left = Duration::from_millis(left);
        assert_eq!(bounds.joined_wait("a", came), left, "{came}");
    }
    let never = Answer { status: None, ..after(60_000, response(503)) };
    assert_eq!(scene.broken(0, 0, &never), Some(Rule::Recovery));
    // A step of the clock is one more disturbance.
    scene.truth.clock_stepped(3 * HOUR);
    let stepped = 3 * HOUR + RECOVERY_MS - 1;
    assert_eq!(scene.broken(0, stepped, &response(503)), None);
}

#[test]
fn a_503_that_does_not_say_when_is_objected_to() {
    let case = Case::default();
    for (seconds, is_fine) in [(0, false), (1, true), (300, true), (301, false)] {
        let retry_after = Some(Duration::from_secs(seconds));
        let response = Answer { retry_after, ..response(503) };
        assert_eq!(check(&case, &response).is_ok(), is_fine, "{seconds}");
    }
    let silent = Answer { retry_after: None, ..response(503) };
    let violation = check(&case, &silent).unwrap_err();
    assert_eq!(violation.rule, Rule::RetryAfter);
}

#[test]
fn a_fetch_too_many_is_objected_to() {
    let mut bounds = Bounds::default();
    let mut fetch = |at, disturbed: bool| {
        if disturbed {
            bounds.disturbed(at);
        }
        let outcome = bounds.certificate_departs("a", at);
        bounds.ended(Some("a"));
        outcome.err().map(|violation| violation.rule)
    };
    assert_eq!(fetch(0, false), None);
    assert_eq!(fetch(4_000, false), None);
    assert_eq!(fetch(7_999, false), Some(Rule::Fetches));
    assert_eq!(fetch(20_000, true), None);
    assert_eq!(fetch(20_001, false), None);
    assert_eq!(fetch(20_002, false), Some(Rule::Fetches));

    // A list may be fetched late in one fetch and early in the next one.
    let mut bounds = Bounds::default();
    let mut fetch = |at| {
        let outcome = bounds.evidence_departs("a", at);
        bounds.ended(Some("a"));
        outcome.err().map(|violation| violation.rule)
    };
    assert_eq!([fetch(0), fetch(1)], [None, None]);
    assert_eq!(fetch(3_999), Some(Rule::Fetches));
    assert_eq!([fetch(20_000), fetch(24_000), fetch(24_001)], [None; 3]);
    assert_eq!([fetch(28_000), fetch(31_999)], [None, Some(Rule::Fetches)]);

    let mut bounds = Bounds::default();
    let mut names = |at, count| {
        let fetch = || {
            let outcome = bounds.name_departs(at);
            bounds.ended(None);
            outcome
        };
        std::iter::repeat_with(fetch).take(count).filter(Result::is_ok).count()
    };
    assert_eq!(names(0, 30), 17);
    assert_eq!(names(10_000, 30), 10);
}

#[test]
fn what_grows_is_objected_to() {
    let mut bounds = Bounds::default();
    assert!(bounds.settled(0, 0).is_ok());
    assert_eq!(bounds.settled(1, 0).unwrap_err().rule, Rule::Growth);
    bounds.certificate_departs("a", 0).unwrap();
    assert_eq!(bounds.settled(0, 0).unwrap_err().rule, Rule::Growth);
    let second = bounds.certificate_departs("a", 10_000).unwrap_err();
    assert_eq!(second.rule, Rule::Growth);
    bounds.ended(Some("a"));
    bounds.ended(Some("a"));
    // A list fetch of the receiver before the restart may be under way for ten seconds.
    bounds.evidence_departs("b", 20_000).unwrap();
    bounds.disturbed(20_500);
    bounds.evidence_departs("b", 31_000).unwrap();
    bounds.ended(Some("b"));
    let second = bounds.evidence_departs("b", 36_000).unwrap_err();
    assert_eq!(second.rule, Rule::Growth);
    bounds.ended(Some("b"));
    bounds.ended(Some("b"));
    assert!(bounds.settled(0, 0).is_ok());
    // Invented names that hang, a second apart.
    let grown = (0..60).find_map(|second| bounds.name_departs(second * 1_000).err());
    assert_eq!(grown.unwrap().rule, Rule::Growth);
}
