//! Notifications of stores by other nodes.

use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::{PgListener, PgPool};
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::sleep;

/// A task that listens. It ends when this is dropped.
#[derive(Debug)]
pub(super) struct Listening(AbortHandle);

impl Listening {
    pub(super) fn start(pool: PgPool, changed: Arc<Notify>) -> Self {
        let task = tokio::spawn(async move {
            loop {
                // Notifications are lost while there is no connection: workers poll, too. Through a pooler that does not keep
                // sessions there are none at all.
                let ended: Result<(), sqlx::Error> = listen(&pool, &changed).await;
                drop(ended);
                sleep(PAUSE).await;
            }
        });
        Self(task.abort_handle())
    }
}

async fn listen(pool: &PgPool, changed: &Notify) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen(CHANNEL).await?;
    loop {
        // `None` after a connection was lost and made again.
        listener.try_recv().await?;
        changed.notify_one();
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.abort();
    }
}

const CHANNEL: &str = "partner_center_inbox";
const PAUSE: Duration = Duration::from_secs(1);
