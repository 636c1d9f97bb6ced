//! Signers of an earlier receiver, with wrong clocks and old texts.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use partner_center_webhooks::Receiver;
use partner_center_webhooks::chain::{Revocation, UnixTime};
use partner_center_webhooks::receiver::ReceiverBuilder;

use super::{
    ACCEPTED, BASE, DAY, MISMATCH, authorities, callback, chain_of, published, response, successor,
};
use crate::support::{NOW, Scripted, Web, background, bundle, chain, later, outage};

/// A clock that can be set to any time, in seconds since 1970.
#[derive(Clone, Debug)]
pub(super) struct AnyTime(Arc<AtomicU64>);

impl AnyTime {
    pub(super) fn new() -> Self {
        Self(Arc::new(AtomicU64::new(NOW.as_secs())))
    }

    pub(super) fn set(&self, seconds: u64) {
        self.0.store(seconds, Ordering::SeqCst);
    }

    pub(super) fn reader(&self) -> impl Fn() -> UnixTime + Send + Sync + 'static {
        let seconds = Arc::clone(&self.0);
        move || UnixTime::since_unix_epoch(Duration::from_secs(seconds.load(Ordering::SeqCst)))
    }
}

fn receiver(source: &Scripted, clock: &AnyTime, kept: Option<&str>) -> Receiver {
    let builder = ReceiverBuilder::new(chain(), source.clone()).clock(clock.reader());
    let builder = match kept {
        Some(text) => builder.kept_signers_pem(text),
        None => builder,
    };
    builder.build().unwrap()
}

#[tokio::test]
async fn kept_signers_survive_a_clock_that_is_wrong_at_the_start() {
    let issuer = published();
    let (old, new) = (successor(&issuer), successor(&issuer));
    let clock = AnyTime::new();
    let source = Scripted::serving(&old);
    let before = receiver(&source, &clock, None);
    assert_eq!(response(&before, &callback(&old)).await, ACCEPTED);
    let text = before.kept_signers_pem();
    source.now_answers(Ok(bundle(&new)));
    for wrong in [NOW.as_secs() - 365 * DAY, NOW.as_secs() + 4 * 365 * DAY] {
        clock.set(wrong);
        let after = receiver(&source, &clock, Some(&text));
        clock.set(NOW.as_secs() + 60);
        assert_eq!(response(&after, &callback(&new)).await, ACCEPTED, "{wrong}");
        assert_eq!(response(&after, &callback(&old)).await, ACCEPTED, "{wrong}");
        // The twin: no other signer is.
        let stranger = callback(&successor(&issuer));
        assert_eq!(response(&after, &stranger).await, MISMATCH, "{wrong}");
    }
}

/// A signer that was replaced on day 1 is accepted for seven days after the text was written, and not later.
#[tokio::test]
async fn an_old_text_revives_no_signer_that_was_replaced_long_ago() {
    let issuer = published();
    let (old, new) = (successor(&issuer), successor(&issuer));
    let clock = AnyTime::new();
    let source = Scripted::serving(&old);
    let before = receiver(&source, &clock, None);
    assert_eq!(response(&before, &callback(&old)).await, ACCEPTED);
    let text = before.kept_signers_pem();
    source.now_answers(Ok(bundle(&new)));
    for (day, expected) in [(1, ACCEPTED), (6, ACCEPTED), (8, MISMATCH), (30, MISMATCH)] {
        clock.set(NOW.as_secs() + day * DAY);
        let after = receiver(&source, &clock, Some(&text));
        assert_eq!(response(&after, &callback(&new)).await, ACCEPTED);
        assert_eq!(response(&after, &callback(&old)).await, expected, "day {day}");
    }
}

/// While the host is down no successor is known: the current signer is accepted as long as it is valid.
#[tokio::test]
async fn a_current_signer_is_accepted_until_the_host_serves_another() {
    let issuer = published();
    let old = successor(&issuer);
    let clock = AnyTime::new();
    let source = Scripted::serving(&old);
    let before = receiver(&source, &clock, None);
    assert_eq!(response(&before, &callback(&old)).await, ACCEPTED);
    let text = before.kept_signers_pem();
    source.now_answers(outage());
    for day in [1, 8, 89] {
        clock.set(NOW.as_secs() + day * DAY);
        let after = receiver(&source, &clock, Some(&text));
        assert_eq!(response(&after, &callback(&old)).await, ACCEPTED, "day {day}");
        let stranger = callback(&successor(&issuer));
        assert_eq!(response(&after, &stranger).await.status, 503, "day {day}");
    }
}

/// A clock that jumps beyond the validity of everything, and back, loses nothing.
#[tokio::test]
async fn a_clock_that_jumps_and_comes_back_loses_no_signer() {
    const YEARS: u64 = 3 * 365 * DAY;
    for mode in [Revocation::BestEffort, Revocation::Required] {
        for jump in [NOW.as_secs() + YEARS, NOW.as_secs() - YEARS] {
            let issuer = published();
            let (old, new) = (successor(&issuer), successor(&issuer));
            let (clock, source) = (AnyTime::new(), Scripted::serving(&old));
            let receiver = ReceiverBuilder::new(chain_of(&issuer, mode), source.clone())
                .authorities(authorities(Web::default().publishing(&issuer, BASE)))
                .clock(clock.reader())
                .build()
                .unwrap();
            assert_eq!(response(&receiver, &callback(&old)).await, ACCEPTED);
            clock.set(NOW.as_secs() + 60);
            source.now_answers(Ok(bundle(&new)));
            assert_eq!(response(&receiver, &callback(&new)).await, ACCEPTED);
            clock.set(jump);
            for _ in 0..4 {
                assert_eq!(response(&receiver, &callback(&new)).await.status, 503);
                background().await;
            }
            clock.set(NOW.as_secs() + 120);
            for signer in [&new, &old] {
                let seen = response(&receiver, &callback(signer)).await;
                assert_eq!(seen, ACCEPTED, "{mode:?}, {jump}");
            }
        }
    }
}

/// A kept certificate that has expired casts no doubt on a forgery.
#[tokio::test]
async fn a_forgery_is_refused_although_the_kept_signer_has_expired() {
    let issuer = published();
    let recipe = issuer.signing_certificate().new_key().unwrap();
    let old = recipe.valid(NOW, later(3 * DAY)).issue().unwrap();
    let new = successor(&issuer);
    let (clock, source) = (AnyTime::new(), Scripted::serving(&old));
    let before = receiver(&source, &clock, None);
    assert_eq!(response(&before, &callback(&old)).await, ACCEPTED);
    let text = before.kept_signers_pem();
    source.now_answers(Ok(bundle(&new)));
    clock.set(NOW.as_secs() + 4 * DAY);
    let after = receiver(&source, &clock, Some(&text));
    for _ in 0..2 {
        assert_eq!(response(&after, &callback(&new)).await, ACCEPTED);
        let stranger = callback(&successor(&issuer));
        assert_eq!(response(&after, &stranger).await, MISMATCH);
    }
}

#[tokio::test]
async fn a_text_that_is_cut_off_is_refused() {
    let issuer = published();
    let signer = successor(&issuer);
    let (clock, source) = (AnyTime::new(), Scripted::serving(&signer));
    let before = receiver(&source, &clock, None);
    assert_eq!(response(&before, &callback(&signer)).await, ACCEPTED);
    let text = before.kept_signers_pem();
    let is_read = |text: &str| {
        let builder = ReceiverBuilder::new(chain(), source.clone()).clock(clock.reader());
        builder.kept_signers_pem(text).build().is_ok()
    };
    assert!(is_read(&text) && is_read(text.trim_end()) && is_read(""));
    let end = text.trim_end().len();
    for cut in 1..end {
        assert!(!is_read(&text[..cut]), "{}", &text[..cut]);
    }
    assert!(!is_read(&format!("{text}{text}")), "two texts in one");
}
