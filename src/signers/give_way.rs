//! Gives tasks that were just started a chance to complete.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use crate::spawn::single_flight::Waiter;

/// Yields a few turns to the task behind `waiter`, so that work without network access completes. Where only callers drive the
/// task, waits for its end.
///
/// So a test, or a receiver behind a local cache, sees the result of a check with the callback that started it. Over a network
/// these turns are too short for a result, and the callback goes on.
pub(super) async fn give_way<T: Clone + Send + 'static>(waiter: Waiter<T>) {
    if waiter.is_caller_driven() {
        let _ = waiter.await;
        return;
    }
    let mut waiter = pin!(waiter);
    let mut turns = 0..TURNS;
    poll_fn(|context| {
        if waiter.as_mut().poll(context).is_ready() || turns.next().is_none() {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// A check is a sequence of four tasks, and a client without network access takes a turn or two.
const TURNS: u32 = 64;
