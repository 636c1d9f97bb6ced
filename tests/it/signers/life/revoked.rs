//! Revocation covers every kept signer: current or former, under any URL, until it expires.

use std::time::Duration;

use partner_center_webhooks::ErrorKind::{Chain, Signature};
use partner_center_webhooks::Receiver;
use partner_center_webhooks::chain::{Revocation, UnixTime};
use partner_center_webhooks::receiver::ReceiverBuilder;
use partner_center_webhooks::source::{
    CertificateBundle, CertificateSource, CertificateUrl, SourceError,
};
use partner_center_webhooks::testing::{Issuer, SignedRequest, Signer};
use tokio::time::timeout;

use super::{
    ACCEPTED, BASE, Clock, DAY, HOUR, MINUTE, MISMATCH, Quick, REVOKED, authorities, callback,
    chain_of, published, response, successor, wait, with_tokio,
};
use crate::support::{NOW, Scripted, Web, background, bundle, later};

/// The lists of the test issuer are in force until the start of this day.
const LISTS_END: u64 = 6;
const OTHER_URL: &str = "https://3psostorageacct.blob.core.windows.net/cert/pcnotifications-b.cer";

/// A good signer with a key of its own. Certificates of one issuer need dates of their own: their serial numbers follow them.
fn keyed(issuer: &Issuer, part: u32, number: u64) -> Signer {
    let recipe = issuer.signing_certificate().new_key().unwrap();
    let from = Duration::from_secs(NOW.as_secs() - DAY + number);
    let recipe = recipe.valid(UnixTime::since_unix_epoch(from), later(99 * DAY));
    recipe.partition(part).issue().unwrap()
}

/// A receiver, its clock, and its sources.
struct World {
    issuer: Issuer,
    source: Scripted,
    web: Web,
    clock: Clock,
    receiver: Receiver,
}

impl World {
    fn new(mode: Revocation, signer: &Signer) -> Self {
        let issuer = published();
        let source = Scripted::serving(signer);
        let (web, clock) = (Web::default().publishing(&issuer, BASE), Clock::default());
        let receiver = ReceiverBuilder::new(chain_of(&issuer, mode), source.clone())
            .authorities(authorities(web.clone()))
            .clock(clock.reader())
            .build()
            .unwrap();
        Self { issuer, source, web, clock, receiver }
    }

    fn revoke(&self, signer: &Signer) {
        let issuer = self.issuer.with_revoked(signer.certificate());
        let _ = self.web.clone().publishing(&issuer, BASE);
    }

    /// Replaces the signer a minute after the start.
    async fn rotate(&self, from: &Signer, to: &Signer) {
        assert_eq!(response(&self.receiver, &callback(from)).await, ACCEPTED);
        self.clock.set(MINUTE);
        self.source.now_answers(Ok(bundle(to)));
        for signer in [to, from] {
            assert_eq!(response(&self.receiver, &callback(signer)).await, ACCEPTED);
        }
    }
}

/// A callback that only the holder of the key can make.
fn of_day(signer: &Signer, day: u64) -> SignedRequest {
    let body = format!(r#"{{"EventName":"test-created","Day":{day}}}"#);
    signer.callback(body).unwrap()
}

const CASES: [(Revocation, u32); 4] = [
    (Revocation::BestEffort, 0),
    (Revocation::BestEffort, 1),
    (Revocation::Required, 0),
    (Revocation::Required, 1),
];

/// A callback does not wait for lists in every mode. The start of a server does.
#[tokio::test(start_paused = true)]
async fn a_warm_up_waits_for_the_lists() {
    for mode in [Revocation::BestEffort, Revocation::Required] {
        let issuer = published();
        let signer = keyed(&issuer, 0, 1);
        let world = World::new(mode, &signer);
        // The twin: its list is there, and it is not on it.
        assert!(world.receiver.warm_up().await.is_empty(), "{mode:?}");
        assert_eq!(response(&world.receiver, &callback(&signer)).await, ACCEPTED);

        let world = World::new(mode, &signer);
        world.revoke(&signer);
        let failures = world.receiver.warm_up().await;
        assert_eq!(failures.len(), 1, "{mode:?}");
        let text = failures[0].error.to_string();
        assert!(text.contains("the signing certificate is revoked"), "{text}");
        assert_eq!(response(&world.receiver, &callback(&signer)).await, REVOKED);
    }
}

/// A key leaks, its certificate is replaced, and an hour later revoked: the usual order. The successor is in the same part of
/// the lists, or in another.
#[tokio::test]
async fn a_revoked_former_is_refused_from_that_day_on() {
    for (mode, part) in CASES {
        revoked_former(mode, part, false).await;
    }
}

/// The same with port 80 closed from the second day on.
#[tokio::test]
async fn a_revoked_former_stays_refused_when_no_authority_is_reachable() {
    for (mode, part) in CASES {
        revoked_former(mode, part, true).await;
    }
}

async fn revoked_former(mode: Revocation, part: u32, port_80_is_shut: bool) {
    let issuer = published();
    let (stolen, new) = (keyed(&issuer, 0, 1), keyed(&issuer, part, 2));
    let world = World::new(mode, &stolen);
    world.rotate(&stolen, &new).await;
    world.revoke(&stolen);
    for day in 1..=98 {
        world.clock.set(day * DAY);
        world.web.go_down(port_80_is_shut && day > 1);
        let case = format!("{mode:?}, {part}, shut: {port_80_is_shut}, day {day}");
        let genuine = response(&world.receiver, &callback(&new)).await;
        // If lists are required, nothing is accepted for longer than a day after they expire.
        let is_decided = mode == Revocation::BestEffort || day <= LISTS_END + 1;
        let expected = if is_decided { 200 } else { 503 };
        assert_eq!(genuine.status, expected, "{case}");
        let theirs = response(&world.receiver, &of_day(&stolen, day)).await;
        // A mismatch is decided by a certificate that is fetched and verified again.
        let is_decided = mode == Revocation::BestEffort || day <= LISTS_END;
        let expected = if is_decided { 401 } else { 503 };
        assert_eq!(theirs.status, expected, "{case}");
    }
}

/// The twin: a former signer that is not revoked is accepted for seven days, and a foreign one is not.
#[tokio::test]
async fn a_former_that_is_not_revoked_stays() {
    for (mode, part) in CASES {
        let issuer = published();
        let (old, new) = (keyed(&issuer, 0, 1), keyed(&issuer, part, 2));
        let world = World::new(mode, &old);
        world.rotate(&old, &new).await;
        let stranger = callback(&keyed(&issuer, 0, 4));
        // Another certificate is revoked.
        world.revoke(&keyed(&issuer, part, 3));
        for day in 1..LISTS_END {
            world.clock.set(day * DAY);
            for signer in [&new, &old] {
                let seen = response(&world.receiver, &callback(signer)).await;
                assert_eq!(seen, ACCEPTED, "{mode:?}, {part}, day {day}");
            }
            assert_eq!(response(&world.receiver, &stranger).await, MISMATCH);
        }
        if mode == Revocation::BestEffort {
            world.clock.set(7 * DAY + MINUTE - 1);
            assert_eq!(response(&world.receiver, &callback(&old)).await, ACCEPTED);
            world.clock.set(7 * DAY + MINUTE);
            assert_eq!(response(&world.receiver, &callback(&old)).await, MISMATCH);
            assert_eq!(response(&world.receiver, &callback(&new)).await, ACCEPTED);
        }
    }
}

/// Revoked today, and refused until it expires: also when its list expires, and when no authority is reachable.
#[tokio::test]
async fn a_revoked_current_signer_stays_refused_whatever_happens_to_its_list() {
    for mode in [Revocation::BestEffort, Revocation::Required] {
        for port_80_is_shut in [false, true] {
            let stolen = keyed(&published(), 0, 1);
            let world = World::new(mode, &stolen);
            assert_eq!(response(&world.receiver, &callback(&stolen)).await, ACCEPTED);
            world.revoke(&stolen);
            for day in 1..=98 {
                world.clock.set(day * DAY);
                world.web.go_down(port_80_is_shut && day > 1);
                // The check runs behind the first callback of the day.
                let seen = response(&world.receiver, &of_day(&stolen, day)).await;
                let case = format!("{mode:?}, shut: {port_80_is_shut}, day {day}");
                assert_eq!(seen, REVOKED, "{case}");
            }
            // After it expires, it is not accepted either.
            world.clock.set(99 * DAY + 1);
            let seen = response(&world.receiver, &callback(&stolen)).await;
            assert_eq!((seen.status, seen.kind), (503, Some(Chain)), "expired");
        }
    }
}

/// The twin: without a revocation, expired lists and a closed port refuse no signer in the default mode.
#[tokio::test]
async fn expired_lists_refuse_no_signer_that_is_not_revoked() {
    let issuer = published();
    let good = keyed(&issuer, 0, 4);
    let world = World::new(Revocation::BestEffort, &good);
    for day in 0..=98 {
        world.clock.set(day * DAY);
        world.web.go_down(day > 1);
        let seen = response(&world.receiver, &of_day(&good, day)).await;
        assert_eq!(seen, ACCEPTED, "day {day}");
    }
}

/// Serves one certificate under the documented URL, and another under every other one.
#[derive(Clone, Debug)]
struct TwoUrls {
    documented: Scripted,
    other: Scripted,
}

impl CertificateSource for TwoUrls {
    fn fetch<'a>(
        &'a self,
        url: &'a CertificateUrl<'a>,
    ) -> partner_center_webhooks::http_client::BoxFuture<'a, Result<CertificateBundle, SourceError>>
    {
        match url.is_documented() {
            true => self.documented.fetch(url),
            false => self.other.fetch(url),
        }
    }
}

/// A revocation detected under one URL: when the same signer, current under another URL, is refused.
async fn revoked_under_another_url(mode: Revocation, hour: u64) -> (super::Seen, super::Seen) {
    let issuer = published();
    let (stolen, new) = (keyed(&issuer, 0, 1), keyed(&issuer, 1, 2));
    let elsewhere = stolen.clone().with_certificate_url(OTHER_URL);
    let source =
        TwoUrls { documented: Scripted::serving(&stolen), other: Scripted::serving(&stolen) };
    let (web, clock) = (Web::default().publishing(&issuer, BASE), Clock::default());
    let receiver = ReceiverBuilder::new(chain_of(&issuer, mode), source.clone())
        .authorities(authorities(web.clone()))
        .clock(clock.reader())
        .build()
        .unwrap();
    assert_eq!(response(&receiver, &callback(&stolen)).await, ACCEPTED);
    clock.set(MINUTE);
    source.documented.now_answers(Ok(bundle(&new)));
    assert_eq!(response(&receiver, &callback(&new)).await, ACCEPTED);
    // Under the other URL it was kept at the sixth hour, so it is checked six hours later than under the first.
    clock.set(6 * HOUR);
    assert_eq!(response(&receiver, &callback(&elsewhere)).await, ACCEPTED);
    let _ = web.publishing(&issuer.with_revoked(stolen.certificate()), BASE);
    clock.set(hour * HOUR);
    assert_eq!(response(&receiver, &callback(&new)).await, ACCEPTED);
    background().await;
    let former = response(&receiver, &callback(&stolen)).await;
    let current = response(&receiver, &callback(&elsewhere)).await;
    (former, current)
}

#[tokio::test]
async fn a_revoked_former_that_is_current_under_another_url_is_refused_there_when_it_is_checked() {
    for mode in [Revocation::BestEffort, Revocation::Required] {
        // The twin: before the lists are fetched again, the revocation is unknown.
        let seen = revoked_under_another_url(mode, 11).await;
        assert_eq!(seen, (ACCEPTED, ACCEPTED), "{mode:?}");
        let (former, current) = revoked_under_another_url(mode, 24).await;
        assert_eq!((former.status, current), (401, REVOKED), "{mode:?}");
    }
}

#[tokio::test]
async fn a_signer_revoked_under_one_url_is_refused_at_once_under_all() {
    for mode in [Revocation::BestEffort, Revocation::Required] {
        let (former, current) = revoked_under_another_url(mode, 13).await;
        assert_eq!(former.status, 401, "{mode:?}");
        assert_eq!(current, REVOKED, "{mode:?}");
    }
}

/// A caller that names the URL and disconnects does not delay the result of the daily refresh.
#[tokio::test(start_paused = true)]
async fn decoys_that_disconnect_do_not_delay_a_revocation() {
    let issuer = published();
    let stolen = keyed(&issuer, 0, 4);
    let web = Web::default().publishing(&issuer, BASE);
    let source = Scripted::serving(&stolen);
    let chain = chain_of(&issuer, Revocation::BestEffort);
    let receiver = ReceiverBuilder::new(chain, Quick(source.clone()))
        .authorities(authorities(web.clone()))
        .clock(with_tokio())
        .build()
        .unwrap();
    assert_eq!(response(&receiver, &callback(&stolen)).await, ACCEPTED);
    let _ = web.publishing(&issuer.with_revoked(stolen.certificate()), BASE);
    for day in 1..=5 {
        wait(DAY).await;
        let decoy = of_day(&stolen, day).with_body("{}");
        let decoy = response(&receiver, &decoy);
        let hung_up = timeout(Duration::from_millis(10), decoy).await;
        assert!(hung_up.is_err(), "day {day}: {hung_up:?}");
        // The lists are fetched behind this callback, while the certificate, which takes 50 ms, is still in transit.
        let meanwhile = response(&receiver, &of_day(&stolen, day)).await;
        assert_eq!(meanwhile, REVOKED, "day {day}");
        tokio::time::sleep(Duration::from_millis(100)).await;
        let after = response(&receiver, &of_day(&stolen, day)).await;
        assert_eq!(after, REVOKED, "day {day}");
    }
    // The twin: the successor is accepted.
    let new = successor(&issuer);
    source.now_answers(Ok(bundle(&new)));
    wait(MINUTE).await;
    assert_eq!(response(&receiver, &callback(&new)).await, ACCEPTED);
    let theirs = response(&receiver, &callback(&stolen)).await;
    assert_eq!((theirs.status, theirs.kind), (401, Some(Signature)));
}
