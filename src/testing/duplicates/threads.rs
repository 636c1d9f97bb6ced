//! The rule that threads can break: what no other future on the same thread can come between, another thread can.

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Barrier};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::Nonconformance;
use super::bench::{Bench, DIGEST, SECOND};
use super::rule::Rule;
use crate::duplicates::{Claim, GuardError};

impl Bench {
    pub(super) async fn of_many_threads_one_is_first(&self) -> Result<(), Nonconformance> {
        let rule = Rule("of many claims on as many threads, one is first");
        for _ in 0..ROUNDS {
            let claims = self.claims_on_threads().await;
            if claims.len() != THREADS {
                return Err(rule.wrong("an answer", "nothing, for it panicked"));
            }
            rule.one_first(claims)?;
            self.clock.advance(self.lease + SECOND);
        }
        Ok(())
    }

    /// Waits without blocking, since what the claims wait for may be driven by the caller's runtime.
    async fn claims_on_threads(&self) -> Vec<Result<Claim, GuardError>> {
        let (sender, mut answers) = mpsc::unbounded_channel();
        let barrier = Arc::new(Barrier::new(THREADS));
        for node in self.nodes.iter().cycle().take(THREADS) {
            let node = Arc::clone(node);
            let barrier = Arc::clone(&barrier);
            let sender = sender.clone();
            let runtime = Handle::try_current();
            thread::spawn(move || {
                let _context = runtime.as_ref().map(Handle::enter);
                barrier.wait();
                let claim = block_on(node.claim(DIGEST));
                sender.send(claim).ok();
            });
        }
        drop(sender);
        let mut claims = Vec::new();
        while let Some(claim) = answers.recv().await {
            claims.push(claim);
        }
        claims
    }
}

fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

const THREADS: usize = 8;
const ROUNDS: usize = 8;
