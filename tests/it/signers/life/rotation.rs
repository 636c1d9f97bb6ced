//! Rotations: the responses to a genuine callback around one, second by second.

use partner_center_webhooks::ErrorKind::{Chain, Source, Stale};
use partner_center_webhooks::Receiver;
use partner_center_webhooks::receiver::ReceiverBuilder;
use partner_center_webhooks::signers::Signers;
use partner_center_webhooks::testing::{Issuer, SignedRequest, Signer};

use super::{
    ACCEPTED, Clock, DAY, HOUR, MINUTE, MISMATCH, Seen, callback, forged, later_by, response,
    successor,
};
use crate::support::{ISSUER, Scripted, bundle, chain, later, outage};

/// A receiver over a source, and its clock.
fn receiver(source: &Scripted) -> (Receiver, Clock) {
    let clock = Clock::default();
    let builder = ReceiverBuilder::new(chain(), source.clone()).clock(clock.reader());
    (builder.build().unwrap(), clock)
}

/// A receiver that kept `signer` at second 0.
async fn kept(signer: &Signer) -> (Receiver, Clock, Scripted) {
    let source = Scripted::serving(signer);
    let (receiver, clock) = receiver(&source);
    assert_eq!(response(&receiver, &callback(signer)).await, ACCEPTED);
    (receiver, clock, source)
}

/// The responses to a callback that is delivered at these seconds.
async fn responses(
    receiver: &Receiver,
    clock: &Clock,
    seconds: impl IntoIterator<Item = u64>,
    callback: &SignedRequest,
) -> Vec<(u64, Seen)> {
    let mut responses = Vec::new();
    for second in seconds {
        clock.set(second);
        responses.push((second, response(receiver, callback).await));
    }
    responses
}

/// A certificate that was just fetched decides for five seconds, and no longer.
#[tokio::test]
async fn a_rotation_right_after_a_refresh_is_accepted_after_five_seconds() {
    let (first, second) = (ISSUER.signer().unwrap(), successor(&ISSUER));
    let (receiver, clock, source) = kept(&first).await;
    clock.set(DAY);
    assert_eq!(response(&receiver, &callback(&first)).await, ACCEPTED);
    assert_eq!(source.fetches(), 2, "the refresh of the day");
    source.now_answers(Ok(bundle(&second)));
    let new = callback(&second);
    let responses = responses(&receiver, &clock, DAY..DAY + 60, &new).await;
    for (second, seen) in responses {
        let expected = if second < DAY + 5 { MISMATCH } else { ACCEPTED };
        assert_eq!(seen, expected, "second {}", second - DAY);
    }
    assert_eq!(source.fetches(), 3);
    // The former one, and the twin that neither signed.
    assert_eq!(response(&receiver, &callback(&first)).await, ACCEPTED);
    assert_eq!(response(&receiver, &forged(&second)).await, MISMATCH);
}

/// An older certificate decides nothing: a short outage is not a refusal.
#[tokio::test]
async fn a_short_outage_at_a_rotation_delays_it_until_the_cool_down_is_over() {
    let (first, second) = (ISSUER.signer().unwrap(), successor(&ISSUER));
    let (receiver, clock, source) = kept(&first).await;
    source.now_answers(outage());
    let new = callback(&second);
    let before = responses(&receiver, &clock, [HOUR], &new).await;
    assert_eq!(before, [(HOUR, later_by(Stale, 5))]);
    source.now_answers(Ok(bundle(&second)));
    // The rest of the cool-down or, if longer, the age of the outage.
    let waits = [4, 3, 3, 4];
    for (second, wait) in (1..).zip(waits) {
        let responses = responses(&receiver, &clock, [HOUR + second], &new).await;
        assert_eq!(responses, [(HOUR + second, later_by(Stale, wait))]);
        assert_eq!(response(&receiver, &callback(&first)).await, ACCEPTED);
    }
    for (second, seen) in responses(&receiver, &clock, HOUR + 5..HOUR + 60, &new).await {
        assert_eq!(seen, ACCEPTED, "second {}", second - HOUR);
    }
    assert_eq!(source.fetches(), 3);
    assert_eq!(response(&receiver, &forged(&second)).await, MISMATCH);
}

/// Microsoft rotates to a certificate that is refused, or to one whose path is missing: somebody has to repair that, although the
/// kept signer is still good. An outage heals by itself.
#[tokio::test]
async fn a_successor_that_is_refused_needs_a_repair() {
    let first = ISSUER.signer().unwrap();
    let renamed = ISSUER.signing_certificate().new_key().unwrap();
    let renamed = renamed.dns_names(["partner.example"]).issue().unwrap();
    let foreign = Issuer::new().unwrap().signer().unwrap();
    let good = successor(&ISSUER);
    for (served, new, needs_repair, part) in [
        (
            Ok(bundle(&renamed)),
            &renamed,
            true,
            "could not be renewed: the signing certificate is refused: none of its DNS names matches",
        ),
        (Ok(bundle(&foreign)), &foreign, true, "could not be renewed: "),
        (
            outage(),
            &good,
            false,
            " (if that persists, check that its host can be reached); under the kept",
        ),
    ] {
        let (receiver, clock, source) = kept(&first).await;
        clock.set(HOUR);
        source.now_answers(served);
        let new = callback(new);
        let error = receiver.receive(&new.headers, &new.body).await.unwrap_err();
        assert_eq!((error.kind(), error.status().as_u16()), (Stale, 503));
        assert_eq!(error.needs_repair(), needs_repair, "{error}");
        assert!(error.to_string().contains(part), "{error}");
        assert_eq!(error.to_string().contains("check that its host"), !needs_repair, "{error}");
        assert_eq!(response(&receiver, &callback(&first)).await, ACCEPTED);
    }
}

/// Ten tries of a sender that obeys `Retry-After` outlast an outage of a quarter of an hour.
#[tokio::test]
async fn a_sender_that_obeys_retry_after_outlasts_an_outage() {
    let (first, second) = (ISSUER.signer().unwrap(), successor(&ISSUER));
    let (receiver, clock, source) = kept(&first).await;
    source.now_answers(outage());
    let new = callback(&second);
    let mut tries = Vec::new();
    clock.set(HOUR);
    for _ in 0..9 {
        tries.push(clock.seconds() - HOUR);
        let seen = response(&receiver, &new).await;
        assert_eq!((seen.status, seen.kind), (503, Some(Stale)));
        assert_eq!(response(&receiver, &callback(&first)).await, ACCEPTED);
        clock.advance(seen.retry.unwrap());
    }
    assert_eq!(tries, [0, 5, 15, 30, 60, 120, 240, 480, 780]);
    assert_eq!(clock.seconds() - HOUR, 18 * MINUTE);
    source.now_answers(Ok(bundle(&second)));
    assert_eq!(response(&receiver, &new).await, ACCEPTED, "the tenth try");
}

/// The knowledge of a node that starts after a rotation.
#[tokio::test]
async fn a_new_node_accepts_a_former_signature_if_it_imported_the_signer() {
    let (first, second) = (ISSUER.signer().unwrap(), successor(&ISSUER));
    let (before, _, _) = kept(&first).await;
    let text = before.kept_signers_pem();
    let old = callback(&first);
    let node = |kept: Option<&str>| {
        let builder = ReceiverBuilder::new(chain(), Scripted::serving(&second));
        let builder = builder.clock(|| later(60));
        match kept {
            Some(text) => builder.kept_signers_pem(text),
            None => builder,
        }
        .build()
        .unwrap()
    };
    for is_first in [true, false] {
        let informed = node(Some(&text));
        if !is_first {
            assert_eq!(response(&informed, &callback(&second)).await, ACCEPTED);
        }
        assert_eq!(response(&informed, &old).await, ACCEPTED);
        assert_eq!(response(&informed, &callback(&second)).await, ACCEPTED);
        assert_eq!(response(&informed, &forged(&first)).await, MISMATCH);
    }
    // The documented limit.
    let unlogged = node(None);
    assert_eq!(response(&unlogged, &old).await, MISMATCH);
    assert_eq!(response(&unlogged, &callback(&second)).await, ACCEPTED);
}

/// A former signer is accepted for seven days after its successor was fetched, and not a second longer.
#[tokio::test]
async fn a_former_signer_is_accepted_for_seven_days_and_not_after() {
    let (first, second) = (ISSUER.signer().unwrap(), successor(&ISSUER));
    let (receiver, clock, source) = kept(&first).await;
    source.now_answers(Ok(bundle(&second)));
    clock.set(MINUTE);
    assert_eq!(response(&receiver, &callback(&second)).await, ACCEPTED);
    let end = MINUTE + Signers::FORMER_AGE.as_secs();
    let (old, new) = (callback(&first), callback(&second));
    for second in (MINUTE..end).step_by(6 * 3_600).chain([end - 1]) {
        clock.set(second);
        assert_eq!(response(&receiver, &old).await, ACCEPTED, "second {second}");
        assert_eq!(response(&receiver, &new).await, ACCEPTED, "second {second}");
    }
    for second in [end, end + 1, end + DAY, end + 30 * DAY] {
        clock.set(second);
        assert_eq!(response(&receiver, &old).await, MISMATCH, "second {second}");
        assert_eq!(response(&receiver, &new).await, ACCEPTED, "second {second}");
    }
}

/// A certificate that is valid in `wait` seconds is served, second by second from second 60 on.
async fn begins_soon(is_cold: bool, wait: u64) {
    let first = ISSUER.signer().unwrap();
    let recipe = ISSUER.signing_certificate().new_key().unwrap();
    let begin = 60 + wait;
    let recipe = recipe.valid(later(begin), later(90 * DAY));
    let second = recipe.issue().unwrap();
    let source = Scripted::serving(&first);
    let (receiver, clock) = receiver(&source);
    let (old, new) = (callback(&first), callback(&second));
    if !is_cold {
        assert_eq!(response(&receiver, &old).await, ACCEPTED);
    }
    source.now_answers(Ok(bundle(&second)));
    let (kind, case) = match is_cold {
        true => (Chain, format!("cold, in {wait} s")),
        false => (Stale, format!("kept, in {wait} s")),
    };
    let mut accepted = None;
    for second in 60..=begin + 15 {
        clock.set(second);
        let seen = response(&receiver, &new).await;
        if seen == ACCEPTED {
            accepted.get_or_insert(second);
            assert!(second >= begin, "{case}: accepted at second {second}");
        } else {
            assert_eq!(accepted, None, "{case}: accepted before second {second}");
            assert_eq!((seen.status, seen.kind), (503, Some(kind)), "{case}");
            // No sender that obeys `Retry-After` returns in vain.
            let back = second + seen.retry.unwrap();
            assert!(back >= begin.min(second + 300), "{case}: retry after {back}");
        }
        if !is_cold {
            assert_eq!(response(&receiver, &old).await, ACCEPTED, "{case}");
            let forged = response(&receiver, &forged(&first)).await;
            let expected = if accepted.is_some() { 401 } else { 503 };
            assert_eq!(forged.status, expected, "{case}: second {second}");
        }
    }
    assert!(accepted.is_some(), "{case}: within the longest cool-down");
}

#[tokio::test]
async fn a_certificate_that_is_valid_soon_is_waited_for() {
    for wait in [1, 5, 6, 30, 64, 299] {
        begins_soon(false, wait).await;
        begins_soon(true, wait).await;
    }
}

/// A sender that obeys `Retry-After` is accepted at the second at which the certificate becomes valid.
#[tokio::test]
async fn retry_after_ends_when_the_certificate_is_valid() {
    for (wait, is_cold) in [(6, true), (64, false), (240, true), (299, false), (300, true)] {
        let first = ISSUER.signer().unwrap();
        let recipe = ISSUER.signing_certificate().new_key().unwrap();
        let recipe = recipe.valid(later(60 + wait), later(90 * DAY));
        let second = recipe.issue().unwrap();
        let source = Scripted::serving(&first);
        let (receiver, clock) = receiver(&source);
        if !is_cold {
            assert_eq!(response(&receiver, &callback(&first)).await, ACCEPTED);
        }
        source.now_answers(Ok(bundle(&second)));
        clock.set(60);
        let kind = if is_cold { Chain } else { Stale };
        let new = callback(&second);
        assert_eq!(response(&receiver, &new).await, later_by(kind, wait));
        clock.set(60 + wait);
        assert_eq!(response(&receiver, &new).await, ACCEPTED, "in {wait} s");
        assert_eq!(response(&receiver, &forged(&second)).await, MISMATCH);
    }
}

/// An outage before the first fetch has its true wait, too.
#[tokio::test]
async fn a_start_during_an_outage_takes_seconds() {
    let signer = ISSUER.signer().unwrap();
    let source = Scripted::new([outage()]);
    let (receiver, clock) = receiver(&source);
    let good = callback(&signer);
    let seen = responses(&receiver, &clock, 0..5, &good).await;
    let waits: Vec<_> = [5, 4, 3, 3, 4].map(|wait| later_by(Source, wait)).into();
    assert_eq!(seen.into_iter().map(|(_, seen)| seen).collect::<Vec<_>>(), waits);
    source.now_answers(Ok(bundle(&signer)));
    let seen = responses(&receiver, &clock, [5], &good).await;
    assert_eq!(seen, [(5, ACCEPTED)]);
    assert_eq!(response(&receiver, &forged(&signer)).await, MISMATCH);
}
