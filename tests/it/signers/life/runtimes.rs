//! Runtimes that are blocked or shut down affect only themselves.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use partner_center_webhooks::receiver::ReceiverBuilder;
use partner_center_webhooks::signers::Signers;
use partner_center_webhooks::spawn::TokioSpawn;
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

use super::{ACCEPTED, MISMATCH, Quick, callback, dispatch, forged, response};
use crate::support::{ISSUER, NOW, Scripted, chain};

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

const SOON: Duration = Duration::from_secs(5);

/// A worker whose handler calls its database synchronously, during a fetch that it started.
#[test]
fn a_blocked_worker_blocks_no_other() {
    let source = Scripted::serving(&ISSUER.signer().unwrap());
    let signers = Signers::new(Quick(source.clone()), chain());
    let (started, has_started) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let theirs = signers.clone();
    let blocked = thread::spawn(move || {
        runtime().block_on(async {
            let find = async move { theirs.find(&dispatch(), NOW).await.map(drop) };
            let find = tokio::spawn(find);
            tokio::task::yield_now().await;
            started.send(()).unwrap();
            released.recv().unwrap();
            find.await.unwrap()
        })
    });
    has_started.recv().unwrap();
    let find = async { timeout(SOON, signers.find(&dispatch(), NOW)).await };
    assert!(runtime().block_on(find).unwrap().is_ok());
    release.send(()).unwrap();
    assert!(blocked.join().unwrap().is_ok());
    assert_eq!(source.fetches(), 1);
}

/// The documented limit: a receiver of the blocked runtime itself waits with it. Nothing is lost afterwards.
#[test]
fn a_receiver_of_a_blocked_runtime_waits_for_it() {
    let signer = ISSUER.signer().unwrap();
    let source = Scripted::serving(&signer);
    let (hand_over, handed_over) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    let theirs = source.clone();
    let blocked = thread::spawn(move || {
        runtime().block_on(async {
            let builder = ReceiverBuilder::new(chain(), theirs).clock(|| NOW);
            hand_over.send(builder.build().unwrap()).unwrap();
            released.recv().unwrap();
            ended.await.unwrap();
        });
    });
    let receiver = handed_over.recv().unwrap();
    let good = callback(&signer);
    runtime().block_on(async {
        let blocked = timeout(Duration::from_millis(50), response(&receiver, &good));
        assert!(blocked.await.is_err());
        assert_eq!(source.fetches(), 0);
        release.send(()).unwrap();
        let seen = timeout(SOON, response(&receiver, &good)).await;
        assert_eq!(seen.unwrap(), ACCEPTED);
        assert_eq!(response(&receiver, &forged(&signer)).await, MISMATCH);
        assert_eq!(source.fetches(), 1);
    });
    end.send(()).unwrap();
    blocked.join().unwrap();
}

/// A fetch on a runtime that is shut down fails, and the next one runs elsewhere.
#[test]
fn a_runtime_shutdown_stops_one_fetch() {
    let signer = ISSUER.signer().unwrap();
    let source = Scripted::serving(&signer).held_back();
    let clock = super::Clock::default();
    let first = runtime();
    let spawn = {
        let _entered = first.enter();
        TokioSpawn::new()
    };
    let receiver = ReceiverBuilder::new(chain(), source.clone())
        .spawn(spawn)
        .clock(clock.reader())
        .build()
        .unwrap();
    let good = callback(&signer);
    let (second, theirs, delivered) = (runtime(), receiver.clone(), good.clone());
    let waiting = second.spawn(async move { response(&theirs, &delivered).await });
    second.block_on(tokio::task::yield_now());
    first.block_on(async {
        while source.fetches() == 0 {
            tokio::task::yield_now().await;
        }
    });
    drop(first);
    let seen = second.block_on(waiting).unwrap();
    assert_eq!(seen, super::later_by(partner_center_webhooks::ErrorKind::Source, 5));
    source.open();
    clock.set(5);
    second.block_on(async {
        assert_eq!(response(&receiver, &good).await, ACCEPTED);
        assert_eq!(response(&receiver, &forged(&signer)).await, MISMATCH);
    });
}
