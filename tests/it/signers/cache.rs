//! The cache of signers: how often it fetches, and what callbacks get meanwhile.

use std::future::poll_fn;
use std::num::NonZeroU32;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use partner_center_webhooks::signers::{FetchError, SignerError, Signers};
use partner_center_webhooks::source::{CertificateLocation, CertificateUrl, SourceError};
use partner_center_webhooks::testing::Signer;

use crate::support::{DISPATCH_URL, ISSUER, NOW, Scripted, bundle, chain, later, outage};

fn url(name: &str) -> CertificateUrl<'static> {
    let text = format!("https://3psostorageacct.blob.core.windows.net/cert/{name}.cer");
    CertificateLocation::default().check(&text).unwrap().into_owned()
}

fn dispatch() -> CertificateUrl<'static> {
    CertificateLocation::default().check(DISPATCH_URL).unwrap()
}

/// A good signer with a key, and so a certificate, of its own.
fn rotated() -> Signer {
    ISSUER.signing_certificate().new_key().unwrap().issue().unwrap()
}

/// Polls `future` once, and drops it.
async fn poll_once(future: impl Future) {
    let mut future = pin!(future);
    poll_fn(|context| {
        assert!(future.as_mut().poll(context).is_pending());
        Poll::Ready(())
    })
    .await;
}

async fn yield_often() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn ten_thousand_at_once_cause_one_fetch() {
    let source = Scripted::serving(&ISSUER.signer().unwrap()).held_back();
    let signers = Signers::new(source.clone(), chain());
    let waiting: Vec<_> = (0..10_000)
        .map(|_| {
            let signers = signers.clone();
            tokio::spawn(async move { signers.find(&dispatch(), NOW).await })
        })
        .collect();
    while source.fetches() == 0 {
        yield_often().await;
    }
    source.open();
    for each in waiting {
        each.await.unwrap().unwrap();
    }
    assert_eq!(source.fetches(), 1);
    signers.find(&dispatch(), NOW).await.unwrap();
    assert_eq!(source.fetches(), 1);
}

#[tokio::test]
async fn the_starter_of_a_fetch_may_leave() {
    let source = Scripted::serving(&ISSUER.signer().unwrap()).held_back();
    let signers = Signers::new(source.clone(), chain());
    let find = || {
        let signers = signers.clone();
        tokio::spawn(async move { signers.find(&dispatch(), NOW).await })
    };
    let first = find();
    yield_often().await;
    let others: Vec<_> = (0..10).map(|_| find()).collect();
    yield_often().await;
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    source.open();
    for other in others {
        other.await.unwrap().unwrap();
    }
    assert_eq!(source.fetches(), 1);
}

#[tokio::test]
async fn a_fetch_goes_on_after_all_callers_left() {
    let source = Scripted::serving(&ISSUER.signer().unwrap()).held_back();
    let signers = Signers::new(source.clone(), chain());
    let leave = async |now| {
        let signers = signers.clone();
        let task = tokio::spawn(async move { signers.find(&dispatch(), now).await });
        yield_often().await;
        task.abort();
        let _ = task.await;
    };
    for second in 0..4 {
        leave(later(second)).await;
        assert_eq!(source.fetches(), 1, "second {second}");
    }
    source.open();
    yield_often().await;
    signers.find(&dispatch(), later(4)).await.unwrap();
    assert_eq!(source.fetches(), 1);
}

#[tokio::test]
async fn a_fetch_that_a_caller_drives_is_joined_for_as_long_as_it_takes() {
    let source = Scripted::serving(&ISSUER.signer().unwrap()).held_back();
    let signers = Signers::new(source.clone(), chain());
    let waiting: Vec<_> = (0..20)
        .map(|second| {
            let signers = signers.clone();
            tokio::spawn(async move { signers.find(&dispatch(), later(second)).await.map(drop) })
        })
        .collect();
    yield_often().await;
    assert_eq!(source.fetches(), 1);
    source.open();
    for each in waiting {
        each.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_refresh_goes_on_after_its_caller_left() {
    let source = Scripted::serving(&ISSUER.signer().unwrap());
    let signers = Signers::new(source.clone(), chain());
    signers.find(&dispatch(), NOW).await.unwrap();
    let new = rotated();
    source.now_answers(Ok(bundle(&new)));
    source.hold();
    let tomorrow = later(Signers::REFRESH_AGE_SECONDS);
    poll_once(signers.find(&dispatch(), tomorrow)).await;
    yield_often().await;
    source.open();
    yield_often().await;
    let found = signers.find(&dispatch(), tomorrow).await.unwrap();
    assert_eq!(found.current().certificate(), new.certificate());
    assert_eq!(source.fetches(), 2);
}

#[tokio::test]
async fn failed_refreshes_and_refetches_are_spaced() {
    let source = Scripted::serving(&ISSUER.signer().unwrap());
    let signers = Signers::new(source.clone(), chain());
    signers.find(&dispatch(), NOW).await.unwrap();
    source.now_answers(outage());
    // An hour of callbacks after the first day: a refresh every ten minutes.
    for second in 0..3_600 {
        signers.find(&dispatch(), later(Signers::REFRESH_AGE_SECONDS + second)).await.unwrap();
    }
    assert_eq!(source.fetches(), 1 + 6);
    // An hour of forgeries: a fetch after 5 s, another after 10, and then every 15 seconds.
    let hour = Signers::REFRESH_AGE_SECONDS + 3_600;
    for second in 0..3_600 {
        let now = later(hour + second);
        let tried = signers.find(&dispatch(), now).await.unwrap();
        let error = signers.find_newer(&dispatch(), &tried, now).await;
        let error = *error.unwrap_err().error;
        assert!(matches!(error, SignerError::Fetch(FetchError::Source(_))), "second {second}");
    }
    // The six fetches before it failed, too.
    assert_eq!(source.fetches(), 1 + 6 + 3_600 / 15);
}

#[tokio::test]
async fn a_mismatch_during_an_outage_reports_it() {
    let source = Scripted::serving(&ISSUER.signer().unwrap());
    let signers = Signers::new(source.clone(), chain());
    let tried = signers.find(&dispatch(), NOW).await.unwrap();
    source.now_answers(outage());
    for second in 60..120 {
        let error = signers.find_newer(&dispatch(), &tried, later(second)).await;
        let error = *error.unwrap_err().error;
        assert!(matches!(error, SignerError::Fetch(FetchError::Source(_))));
    }
    // At seconds 60, 65, 75, 90 and 105.
    assert_eq!(source.fetches(), 1 + 5);
    let other = ISSUER.signing_certificate().dns_names(["new.microsoft.com"]).issue().unwrap();
    source.now_answers(Ok(bundle(&other)));
    let error = signers.find_newer(&dispatch(), &tried, later(120)).await.unwrap_err();
    assert!(error.to_string().contains("`new.microsoft.com`"), "{error}");
    source.now_answers(Ok(bundle(&rotated())));
    assert!(signers.find_newer(&dispatch(), &tried, later(180)).await.unwrap().is_some());
}

#[tokio::test]
async fn a_failing_host_is_retried_after_a_growing_cool_down() {
    let source = Scripted::new([outage()]);
    let signers = Signers::new(source.clone(), chain());
    let mut fetched_at = Vec::new();
    for second in 0..60 {
        let before = source.fetches();
        let unavailable = signers.find(&dispatch(), later(second)).await.unwrap_err();
        assert!(matches!(
            *unavailable.error,
            SignerError::Fetch(FetchError::Source(SourceError::Status(_)))
        ));
        let was_fetched = source.fetches() > before;
        assert_eq!(unavailable.failed_ago.is_none(), was_fetched);
        // The age of the outage, and at least the time until the next attempt.
        let retry_after = unavailable.retry_after.as_secs();
        assert!(retry_after >= second.max(1), "second {second}: {retry_after}");
        if was_fetched {
            fetched_at.push(second);
        }
    }
    assert_eq!(fetched_at, [0, 5, 15, 30, 45]);
    source.now_answers(Ok(bundle(&ISSUER.signer().unwrap())));
    signers.find(&dispatch(), later(60)).await.unwrap();
}

#[tokio::test]
async fn a_remembered_failure_reports_its_age_and_the_next_attempt() {
    let signers = Signers::new(Scripted::new([outage()]), chain());
    signers.find(&dispatch(), NOW).await.unwrap_err();
    let unavailable = signers.find(&dispatch(), later(2)).await.unwrap_err();
    assert_eq!(unavailable.failed_ago, Some(Duration::from_secs(2)));
    assert_eq!(unavailable.retry_after, Duration::from_secs(3));
    let text = unavailable.to_string();
    assert!(
        text.ends_with(" (the attempt was made 2 s ago; the next one is possible in 3 s)"),
        "{text}"
    );
}

#[tokio::test]
async fn a_refused_certificate_is_remembered_as_long_as_a_failure() {
    let expired = ISSUER.signing_certificate().expired().issue().unwrap();
    let source = Scripted::serving(&expired);
    let signers = Signers::new(source.clone(), chain());
    for _ in 0..3 {
        let error = signers.find(&dispatch(), NOW).await.unwrap_err();
        assert!(matches!(*error.error, SignerError::Chain { .. }));
    }
    assert_eq!(source.fetches(), 1);
}

#[tokio::test]
async fn invented_names_use_the_quota_and_known_urls_do_not() {
    let genuine = ISSUER.signer().unwrap();
    let source = Scripted::serving(&genuine);
    let signers = Signers::new(source.clone(), chain());
    signers.find(&url("verified-before"), NOW).await.unwrap();
    source.now_answers(outage());

    let mut quota = 0;
    for n in 0..5_000 {
        let name = url(&format!("made-up-{n}"));
        let unavailable = signers.find(&name, NOW).await.unwrap_err();
        match *unavailable.error {
            SignerError::Fetch(FetchError::Quota { per_minute, .. }) => {
                assert_eq!(
                    (per_minute.get(), unavailable.retry_after),
                    (60, Duration::from_secs(1))
                );
                quota += 1;
            }
            SignerError::Fetch(FetchError::Source(_)) => {}
            other => panic!("{other}"),
        }
    }
    // The first fetch used one of the burst of 16.
    assert_eq!((source.fetches(), quota), (1 + 15, 5_000 - 15));

    // Still accepted: a URL that verified before, without a fetch, and a documented one, with a fetch.
    signers.find(&url("verified-before"), NOW).await.unwrap();
    source.now_answers(Ok(bundle(&genuine)));
    signers.find(&dispatch(), NOW).await.unwrap();
    assert_eq!(source.fetches(), 1 + 15 + 1);

    // So is a URL that verified before and whose signer has expired, although the quota is used up.
    let hundred_days = later(100 * 86_400);
    source.now_answers(outage());
    for n in 0..100 {
        let _ = signers.find(&url(&format!("more-{n}")), hundred_days).await;
    }
    let quota = signers.find(&url("one-more"), hundred_days).await.unwrap_err();
    assert!(matches!(*quota.error, SignerError::Fetch(FetchError::Quota { .. })), "{quota}");
    source.now_answers(Ok(bundle(&genuine)));
    let error = signers.find(&url("verified-before"), hundred_days).await.unwrap_err();
    assert!(matches!(*error.error, SignerError::Chain { .. }), "it was fetched: {error}");
}

#[tokio::test]
async fn the_quota_is_configurable() {
    let source = Scripted::new([outage()]);
    let signers =
        Signers::build(Arc::new(source.clone()), None, chain(), NonZeroU32::new(3).unwrap());
    for n in 0..100 {
        signers.find(&url(&format!("{n}")), NOW).await.unwrap_err();
    }
    assert_eq!(source.fetches(), 3);
    for n in 100..200 {
        signers.find(&url(&format!("{n}")), later(20)).await.unwrap_err();
    }
    assert_eq!(source.fetches(), 4);
}

#[tokio::test]
async fn verified_urls_are_bounded_and_documented_ones_stay() {
    let signer = ISSUER.signer().unwrap();
    let source = Scripted::serving(&signer);
    let signers = Signers::build(Arc::new(source.clone()), None, chain(), NonZeroU32::MAX);
    signers.find(&dispatch(), NOW).await.unwrap();
    for n in 0..3 * Signers::MAX_URLS {
        signers.find(&url(&format!("{n}")), later(u64::try_from(n).unwrap())).await.unwrap();
    }
    let fetches = source.fetches();
    signers.find(&dispatch(), later(100)).await.unwrap();
    assert_eq!(source.fetches(), fetches);
}

#[tokio::test]
async fn a_valid_signer_outlives_an_outage() {
    let source = Scripted::serving(&ISSUER.signer().unwrap());
    let signers = Signers::new(source.clone(), chain());
    signers.find(&dispatch(), NOW).await.unwrap();
    source.now_answers(outage());

    let end = 99 * 86_400;
    for second in (0..=end).step_by(3_600) {
        signers.find(&dispatch(), later(second)).await.unwrap();
    }
    let error = signers.find(&dispatch(), later(end + 1)).await.unwrap_err();
    assert!(matches!(*error.error, SignerError::Fetch(FetchError::Source(_))));
}

#[tokio::test]
async fn a_signer_is_refreshed_after_a_day_and_before_it_expires() {
    let source = Scripted::serving(&ISSUER.signer().unwrap());
    let signers = Signers::new(source.clone(), chain());
    let mut fetched_at = Vec::new();
    let mut before = 0;
    for minute in 0..99 * 24 * 60 {
        signers.find(&dispatch(), later(minute * 60)).await.unwrap();
        if source.fetches() > before {
            before = source.fetches();
            fetched_at.push(minute);
        }
    }
    let day = 24 * 60;
    assert_eq!(fetched_at[..3], [0, day, 2 * day]);
    // In the last week a refresh is tried every ten minutes.
    let last_week: Vec<_> = fetched_at.iter().filter(|at| **at >= 92 * day).collect();
    assert_eq!(last_week.len(), 7 * 24 * 6);
    assert_eq!(fetched_at.len(), 92 + last_week.len());
}

#[tokio::test]
async fn no_callback_waits_for_a_refresh() {
    let source = Scripted::serving(&ISSUER.signer().unwrap());
    let signers = Signers::new(source.clone(), chain());
    let old = signers.find(&dispatch(), NOW).await.unwrap();
    source.now_answers(Ok(bundle(&rotated())));
    source.hold();

    let tomorrow = later(Signers::REFRESH_AGE_SECONDS);
    for _ in 0..3 {
        let meanwhile = signers.find(&dispatch(), tomorrow).await.unwrap();
        assert_eq!(meanwhile.current().fingerprint(), old.current().fingerprint());
        assert_eq!(source.fetches(), 2);
    }
    source.open();
    yield_often().await;
    let refreshed = signers.find(&dispatch(), tomorrow).await.unwrap();
    assert_ne!(refreshed.current().fingerprint(), old.current().fingerprint());
    assert_eq!(refreshed.iter().count(), 2, "the former signer stays");
    assert_eq!(source.fetches(), 2);
}

#[tokio::test]
async fn a_mismatch_fetches_again_once_in_five_seconds() {
    let (first, second) = (ISSUER.signer().unwrap(), rotated());
    let source = Scripted::serving(&first);
    let signers = Signers::new(source.clone(), chain());
    let tried = signers.find(&dispatch(), NOW).await.unwrap();
    let newer = async |second| {
        let newer = signers.find_newer(&dispatch(), &tried, later(second)).await;
        (newer.unwrap(), source.fetches())
    };
    // Fresh: the mismatch is final, and nothing is fetched.
    assert!(matches!(newer(4).await, (None, 1)));
    assert!(matches!(newer(5).await, (None, 2)));
    source.now_answers(Ok(bundle(&second)));
    assert!(matches!(newer(9).await, (None, 2)));
    let (Some(found), 3) = newer(10).await else {
        panic!("the certificate was replaced");
    };
    let held: Vec<_> = found.iter().map(|signer| signer.fingerprint()).collect();
    assert_eq!(held[1], tried.current().fingerprint());
    // A callback that tried only the old one finds the new one without a fetch.
    assert!(matches!(newer(11).await, (Some(_), 3)));
}

#[tokio::test]
async fn a_forger_that_disconnects_does_not_delay_a_rotation() {
    let (first, second) = (ISSUER.signer().unwrap(), rotated());
    let source = Scripted::new([Ok(bundle(&first)), Ok(bundle(&second))]);
    let signers = Signers::new(source.clone(), chain());
    let tried = signers.find(&dispatch(), NOW).await.unwrap();

    // The forger's mismatch starts a fetch and disconnects. The fetch goes on.
    source.hold();
    poll_once(signers.find_newer(&dispatch(), &tried, later(60))).await;
    yield_often().await;
    assert_eq!(source.fetches(), 2);
    source.open();
    let newer = signers.find_newer(&dispatch(), &tried, later(61)).await;
    assert!(newer.unwrap().is_some());
    assert_eq!(source.fetches(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_clock_set_back_blocks_nothing() {
    let source = Scripted::new([outage()]);
    let signers = Signers::new(source.clone(), chain());
    signers.find(&dispatch(), later(10_000_000)).await.unwrap_err();
    source.now_answers(Ok(bundle(&ISSUER.signer().unwrap())));
    // For the cool-down, and no longer.
    tokio::time::sleep(Duration::from_secs(5)).await;
    let tried = signers.find(&dispatch(), later(7_000)).await.unwrap();
    assert_eq!(source.fetches(), 2);
    source.now_answers(Ok(bundle(&rotated())));
    assert!(signers.find_newer(&dispatch(), &tried, NOW).await.unwrap().is_some());
}
