//! Clocks that are set while the receiver runs: nothing becomes young again, and nothing that is under way is given up.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use partner_center_webhooks::ErrorKind::Source;
use partner_center_webhooks::Receiver;
use partner_center_webhooks::chain::Revocation;
use partner_center_webhooks::receiver::ReceiverBuilder;
use partner_center_webhooks::spawn::{Spawn, Task, TokioSpawn};

use super::restarts::AnyTime;
use super::{
    ACCEPTED, BASE, DAY, GIVEN_UP, HOUR, MISMATCH, Quick, REVOKED, Valve, authorities, callback,
    chain_of, later_by, published, response, successor, timed, wait,
};
use crate::support::{NOW, Scripted, Web, bundle, chain, later, outage};

fn receiver(source: &Scripted, clock: &AnyTime) -> Receiver {
    let builder = ReceiverBuilder::new(chain(), source.clone()).clock(clock.reader());
    builder.build().unwrap()
}

/// A clock that is set back makes no certificate fresh again: its successor is fetched at its first signature.
#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_back_makes_no_certificate_fresh() {
    let issuer = published();
    let (old, new) = (successor(&issuer), successor(&issuer));
    for (elapsed, expected, fetches) in [(60, ACCEPTED, 2), (2, MISMATCH, 1)] {
        let (clock, source) = (AnyTime::new(), Scripted::serving(&old));
        let receiver = receiver(&source, &clock);
        assert_eq!(response(&receiver, &callback(&old)).await, ACCEPTED);
        source.now_answers(Ok(bundle(&new)));
        wait(elapsed).await;
        // So much later it says, whatever the time is.
        clock.set(NOW.as_secs() + 2);
        assert_eq!(response(&receiver, &callback(&new)).await, expected, "{elapsed}");
        assert_eq!(source.fetches(), fetches, "{elapsed}");
    }
}

/// Nor is a cool-down longer than it says: a clock that shows the same seconds twice does not count them twice.
#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_back_makes_no_cool_down_longer() {
    let signer = successor(&published());
    for (step, told) in [(1, 4), (4, 5), (300, 5)] {
        let (clock, source) = (AnyTime::new(), Scripted::new([outage()]));
        let receiver = receiver(&source, &clock);
        let (sent, start) = (callback(&signer), NOW.as_secs() + 1_000);
        clock.set(start);
        assert_eq!(response(&receiver, &sent).await, later_by(Source, 5));
        source.now_answers(Ok(bundle(&signer)));
        wait(4).await;
        clock.set(start + 4 - step);
        assert_eq!(response(&receiver, &sent).await, later_by(Source, told), "{step}");
        wait(1).await;
        clock.set(start + 5 - step);
        assert_eq!(response(&receiver, &sent).await, ACCEPTED, "{step}");
        assert_eq!(source.fetches(), 2, "{step}");
    }
}

/// Nor is a revoked certificate seen at this moment that was seen some seconds ago: it may have been replaced since.
#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_back_makes_no_revocation_final_again() {
    let issuer = published();
    let stolen = successor(&issuer);
    // Its dates are others, and so is its serial number.
    let new = issuer.signing_certificate().new_key().unwrap();
    let new = new.valid(NOW, later(91 * DAY)).issue().unwrap();
    let revoked = issuer.with_revoked(stolen.certificate());
    for (elapsed, expected) in [(4, REVOKED), (6, later_by(Source, 11))] {
        let (clock, source) = (AnyTime::new(), Scripted::serving(&stolen));
        let chain = chain_of(&issuer, Revocation::Required);
        let receiver = ReceiverBuilder::new(chain, source.clone())
            .authorities(authorities(Web::default().publishing(&revoked, BASE)))
            .clock(clock.reader())
            .build()
            .unwrap();
        assert_eq!(response(&receiver, &callback(&stolen)).await, REVOKED);
        // The second failure in a row cools down for ten seconds.
        wait(5).await;
        assert_eq!(response(&receiver, &callback(&stolen)).await, REVOKED);
        source.now_answers(Ok(bundle(&new)));
        wait(elapsed).await;
        assert_eq!(response(&receiver, &callback(&new)).await, expected, "{elapsed}");
        wait(10 - elapsed).await;
        assert_eq!(response(&receiver, &callback(&new)).await, ACCEPTED, "{elapsed}");
    }
}

/// The other way: a fetch that is under way is not given up because the clock was set forward.
#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_forward_ends_no_fetch() {
    let signer = successor(&published());
    let (clock, source) = (AnyTime::new(), Scripted::serving(&signer));
    let (receiver, sent) = (receiver(&source, &clock), callback(&signer));
    source.hold();
    let first = tokio::spawn({
        let (receiver, sent) = (receiver.clone(), sent.clone());
        async move { response(&receiver, &sent).await }
    });
    wait(1).await;
    clock.set(NOW.as_secs() + 2 * HOUR);
    let second = tokio::spawn(async move { response(&receiver, &sent).await });
    wait(1).await;
    source.open();
    assert_eq!((first.await.unwrap(), second.await.unwrap()), (ACCEPTED, ACCEPTED));
    assert_eq!(source.fetches(), 1);
}

/// Runs nothing, and measures by tokio's clock.
#[derive(Debug)]
struct DrivenByCallers;

impl Spawn for DrivenByCallers {
    fn spawn(&self, task: Task, _: Duration) -> Result<(), Task> {
        Err(task)
    }

    fn instant(&self) -> Instant {
        tokio::time::Instant::now().into_std()
    }
}

/// A fetch that hangs, and that callers drive, is over after its time, also if the clock was set back meanwhile.
#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_back_prolongs_no_fetch_that_callers_drive() {
    let signer = successor(&published());
    let (clock, source) = (AnyTime::new(), Scripted::serving(&signer));
    let valve = Valve::of(Quick(source.clone()));
    let receiver = ReceiverBuilder::new(chain(), valve.clone())
        .clock(clock.reader())
        .spawn(DrivenByCallers)
        .build()
        .unwrap();
    let sent = callback(&signer);
    valve.close(true);
    clock.set(NOW.as_secs() + 1_000);
    assert_eq!(timed(&receiver, &sent).await.0, GIVEN_UP);
    clock.set(NOW.as_secs() + 700);
    valve.close(false);
    wait(25).await;
    assert_eq!(timed(&receiver, &sent).await.0, ACCEPTED);
}

/// Runs tasks on tokio, and counts how often it is asked for the time.
#[derive(Debug, Default)]
struct Counting {
    tokio: TokioSpawn,
    asked: Arc<AtomicUsize>,
}

impl Spawn for Counting {
    fn spawn(&self, task: Task, limit: Duration) -> Result<(), Task> {
        self.tokio.spawn(task, limit)
    }

    fn instant(&self) -> Instant {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.tokio.instant()
    }
}

/// However many failures are remembered, a refusal reads the clock as often.
#[tokio::test(start_paused = true)]
async fn failures_of_strangers_make_no_refusal_dearer() {
    let signer = successor(&published());
    let (spawn, source) = (Counting::default(), Scripted::new([outage()]));
    let asked = Arc::clone(&spawn.asked);
    let builder = ReceiverBuilder::new(chain(), source.clone());
    let receiver = builder.clock(|| NOW).spawn(spawn).build().unwrap();
    let mut counts = Vec::new();
    for number in 0..8 {
        let url = format!("https://3psostorageacct.blob.core.windows.net/cert/{number}.cer");
        let sent = callback(&signer.clone().with_certificate_url(url));
        let before = asked.load(Ordering::SeqCst);
        assert_eq!(response(&receiver, &sent).await, later_by(Source, 5));
        counts.push(asked.load(Ordering::SeqCst) - before);
    }
    assert_eq!(source.fetches(), 8);
    assert_eq!(counts, [counts[0]; 8]);
}
