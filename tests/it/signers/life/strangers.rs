//! Invented names use up a quota that no other URL waits for.

use partner_center_webhooks::ErrorKind::Source;
use partner_center_webhooks::Receiver;
use partner_center_webhooks::receiver::ReceiverBuilder;
use partner_center_webhooks::testing::Signer;

use super::{ACCEPTED, Clock, DAY, MINUTE, MISMATCH, Seen, callback, forged, response, successor};
use crate::support::{ISSUER, Scripted, bundle, chain, later, outage};

const PREFIX: &str = "https://3psostorageacct.blob.core.windows.net/cert/";

fn at(signer: &Signer, name: &str) -> Signer {
    let signer = signer.clone();
    signer.with_certificate_url(format!("{PREFIX}{name}.cer"))
}

/// A receiver, its clock, and the one certificate host.
struct World {
    source: Scripted,
    clock: Clock,
    receiver: Receiver,
    strangers: u64,
}

impl World {
    fn new(configured: Option<&str>) -> Self {
        let (source, clock) = (Scripted::new([outage()]), Clock::default());
        let builder = ReceiverBuilder::new(chain(), source.clone()).clock(clock.reader());
        let builder = match configured {
            Some(name) => builder.warm_up_url(format!("{PREFIX}{name}.cer")),
            None => builder,
        };
        Self { receiver: builder.build().unwrap(), source, clock, strangers: 0 }
    }

    /// Twenty callbacks under unknown names, more than a full quota.
    async fn flood(&mut self) {
        self.source.now_answers(outage());
        let signer = ISSUER.signer().unwrap();
        let mut last = ACCEPTED;
        for _ in 0..20 {
            self.strangers += 1;
            let stranger = at(&signer, &format!("made-up-{}", self.strangers));
            last = response(&self.receiver, &callback(&stranger)).await;
            assert_eq!((last.status, last.kind), (503, Some(Source)));
        }
        assert_eq!(last.retry, Some(1), "the quota is used up");
    }
}

/// The responses to ten deliveries, a minute apart, each right after a flood.
async fn ten_deliveries(world: &mut World, signer: &Signer) -> Vec<Seen> {
    let mut responses = Vec::new();
    for _ in 0..10 {
        world.clock.advance(MINUTE);
        world.flood().await;
        world.source.now_answers(Ok(bundle(signer)));
        responses.push(response(&world.receiver, &callback(signer)).await);
    }
    responses
}

#[tokio::test]
async fn a_configured_url_is_exempt_from_the_quota() {
    let signer = at(&ISSUER.signer().unwrap(), "pcnotifications-2027");
    let mut world = World::new(Some("pcnotifications-2027"));
    world.flood().await;
    world.source.now_answers(Ok(bundle(&signer)));
    assert!(world.receiver.warm_up().await.is_empty());
    assert_eq!(ten_deliveries(&mut world, &signer).await, [ACCEPTED; 10]);
    assert_eq!(response(&world.receiver, &forged(&signer)).await, MISMATCH);

    // Cold, and right after a flood.
    let mut world = World::new(Some("pcnotifications-2027"));
    world.flood().await;
    world.source.now_answers(Ok(bundle(&signer)));
    assert_eq!(response(&world.receiver, &callback(&signer)).await, ACCEPTED);
}

/// The twin: a URL that was neither configured nor verified waits with all others, and gets the time of the next attempt.
#[tokio::test]
async fn an_unknown_url_is_subject_to_the_quota() {
    let signer = at(&ISSUER.signer().unwrap(), "pcnotifications-2027");
    let mut world = World::new(Some("pcnotifications-2026"));
    let responses = ten_deliveries(&mut world, &signer).await;
    assert_eq!(responses, [super::later_by(Source, 1); 10]);
    world.clock.advance(1);
    assert_eq!(response(&world.receiver, &callback(&signer)).await, ACCEPTED);
}

#[tokio::test]
async fn a_url_that_verified_once_is_exempt_from_the_quota() {
    let signer = at(&ISSUER.signer().unwrap(), "verified");
    let mut world = World::new(None);
    world.source.now_answers(Ok(bundle(&signer)));
    assert_eq!(response(&world.receiver, &callback(&signer)).await, ACCEPTED);
    // Its signer has expired, and its successor is fetched right after each flood.
    let end = 100 * DAY;
    world.clock.set(end);
    let recipe = ISSUER.signing_certificate().new_key().unwrap();
    let recipe = recipe.valid(later(end), later(end + 90 * DAY));
    let next = at(&recipe.issue().unwrap(), "verified");
    assert_eq!(ten_deliveries(&mut world, &next).await, [ACCEPTED; 10]);
    // A rotation, too, and a forgery is refused under the certificate fetched for it.
    world.clock.advance(MINUTE);
    let recipe = ISSUER.signing_certificate().new_key().unwrap();
    let recipe = recipe.valid(later(end), later(end + 90 * DAY));
    let rotated = at(&recipe.issue().unwrap(), "verified");
    world.flood().await;
    world.source.now_answers(Ok(bundle(&rotated)));
    assert_eq!(response(&world.receiver, &callback(&rotated)).await, ACCEPTED);
    world.clock.advance(MINUTE);
    world.flood().await;
    world.source.now_answers(Ok(bundle(&rotated)));
    let fetches = world.source.fetches();
    assert_eq!(response(&world.receiver, &forged(&rotated)).await, MISMATCH);
    assert_eq!(world.source.fetches(), fetches + 1);
}

/// A URL is remembered for longer than its signer: sixteen have a place, and 256 are remembered.
#[tokio::test]
async fn a_url_that_verified_is_remembered_apart_from_its_signer() {
    let mut world = World::new(None);
    let signer = successor(&ISSUER);
    world.source.now_answers(Ok(bundle(&signer)));
    let names: Vec<_> = (0..40).map(|n| at(&signer, &format!("known-{n}"))).collect();
    for known in &names {
        world.clock.advance(MINUTE);
        assert_eq!(response(&world.receiver, &callback(known)).await, ACCEPTED);
    }
    world.flood().await;
    world.source.now_answers(Ok(bundle(&signer)));
    let fetches = world.source.fetches();
    for known in &names {
        assert_eq!(response(&world.receiver, &callback(known)).await, ACCEPTED);
    }
    let fetched = world.source.fetches() - fetches;
    assert!(fetched >= 40 - 16, "{fetched} were fetched again");
    // The twin has no such memory.
    let unknown = response(&world.receiver, &callback(&at(&signer, "unknown"))).await;
    assert_eq!(unknown, super::later_by(Source, 1));
}
