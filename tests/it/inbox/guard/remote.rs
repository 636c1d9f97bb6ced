//! A guard in another process, driven line by line: `claim DIGEST TOKEN MILLISECONDS`, and so on.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use partner_center_webhooks::duplicates::{Claim, DuplicateGuard, GuardError, Lease, Settled};
use partner_center_webhooks::http_client::BoxFuture;
use partner_center_webhooks::inbox::Filter;
use partner_center_webhooks::signature::BodyDigest;
use partner_center_webhooks::testing::TestClock;

use super::{Place, open};

/// The child. It is a test only so that this binary can be started as one.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "it is started by the tests of guards"]
async fn child() {
    let Ok(place) = std::env::var("PARTNER_CENTER_CHILD") else { return };
    let endpoint = std::env::var("PARTNER_CENTER_ENDPOINT").unwrap();
    let millis = Arc::new(AtomicU64::new(0));
    let clock = Arc::clone(&millis);
    let place = Place { place, endpoint };
    let guard = open(&place, move || Duration::from_millis(clock.load(Ordering::SeqCst))).await;
    println!("= ready");
    for line in std::io::stdin().lines() {
        let line = line.unwrap();
        let mut words = line.split(' ');
        let (call, digest) = (words.next().unwrap(), words.next().unwrap());
        let token: u128 = words.next().unwrap().parse().unwrap();
        millis.store(words.next().unwrap().parse().unwrap(), Ordering::SeqCst);
        let (digest, _) = Filter::new().with_digest_prefix(digest).unwrap().digests.unwrap();
        let lease = Lease::new(digest, token);
        let told = match call {
            "claim" => guard.claim(digest).await.map(|claim| match claim {
                Claim::First(lease) => format!("first {}", lease.token()),
                Claim::Done => "done".to_owned(),
                Claim::InProgress { lease_left } => {
                    format!("busy {}", lease_left.unwrap().as_millis())
                }
                other => panic!("{other:?}"),
            }),
            "complete" => guard.complete(&lease).await.map(|settled| format!("{settled:?}")),
            "release" => guard.release(&lease).await.map(|settled| format!("{settled:?}")),
            "abandon" => {
                guard.abandon(&lease);
                Ok("abandoned".to_owned())
            }
            other => panic!("{other}"),
        };
        println!("= {}", told.unwrap());
    }
}

#[derive(Debug)]
pub(super) struct Remote {
    process: Mutex<(Child, ChildStdin, BufReader<ChildStdout>)>,
    clock: TestClock,
}

impl Remote {
    pub(super) fn start(place: &Place, clock: &TestClock) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["guard::remote::child", "--exact", "--ignored", "--nocapture", "--quiet"]);
        command.env("PARTNER_CENTER_CHILD", &place.place);
        command.env("PARTNER_CENTER_ENDPOINT", &place.endpoint);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let mut process = (child, input, BufReader::new(output));
        assert_eq!(line(&mut process.2), "ready");
        Self { process: Mutex::new(process), clock: clock.clone() }
    }

    fn call(&self, call: &str, digest: BodyDigest, token: u128) -> String {
        let mut process = self.process.lock().unwrap();
        let millis = self.clock.now().as_millis();
        writeln!(process.1, "{call} {digest} {token} {millis}").unwrap();
        line(&mut process.2)
    }

    fn settle(&self, call: &str, lease: &Lease) -> Result<Settled, GuardError> {
        match self.call(call, lease.digest(), lease.token()).as_str() {
            "Current" => Ok(Settled::Current),
            "Stale" => Ok(Settled::Stale),
            other => panic!("{other}"),
        }
    }
}

/// The next line of the child's own.
fn line(output: &mut BufReader<ChildStdout>) -> String {
    loop {
        let mut line = String::new();
        assert_ne!(output.read_line(&mut line).unwrap(), 0, "the child ended");
        if let Some((_, told)) = line.split_once("= ") {
            return told.trim().to_owned();
        }
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        let process = self.process.get_mut().unwrap();
        process.0.kill().ok();
        process.0.wait().ok();
    }
}

impl DuplicateGuard for Remote {
    fn claim(&self, digest: BodyDigest) -> BoxFuture<'_, Result<Claim, GuardError>> {
        Box::pin(async move {
            let told = self.call("claim", digest, 0);
            Ok(match told.split_once(' ') {
                Some(("first", token)) => Claim::First(Lease::new(digest, token.parse().unwrap())),
                Some(("busy", left)) => {
                    let left = Duration::from_millis(left.parse().unwrap());
                    Claim::InProgress { lease_left: Some(left) }
                }
                _ if told == "done" => Claim::Done,
                _ => panic!("{told}"),
            })
        })
    }

    fn complete<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, Result<Settled, GuardError>> {
        Box::pin(async move { self.settle("complete", lease) })
    }

    fn release<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, Result<Settled, GuardError>> {
        Box::pin(async move { self.settle("release", lease) })
    }

    fn abandon(&self, lease: &Lease) {
        assert_eq!(self.call("abandon", lease.digest(), lease.token()), "abandoned");
    }
}
