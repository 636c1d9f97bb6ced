//! Each engine keeps the contract of inboxes.

use std::sync::Arc;

use partner_center_webhooks::crypto::DefaultBackend;
use partner_center_webhooks::http_client::BoxFuture;
use partner_center_webhooks::inbox::Inbox;
use partner_center_webhooks::inbox::postgres::{PostgresInbox, PostgresOptions};
use partner_center_webhooks::inbox::sqlite::{SqliteInbox, SqliteOptions};
use partner_center_webhooks::testing::{InboxSetup, MemoryInbox, inbox_conformance};

use crate::server;
use crate::support::Folder;

#[tokio::test]
async fn the_inbox_in_memory_conforms() {
    let open = |setup: InboxSetup| {
        let clock = setup.clock.clone();
        let inbox = MemoryInbox::new().with_clock(move || clock.now());
        let node: Arc<dyn Inbox> = Arc::new(match setup.is_ordered {
            true => inbox.ordered_by_resource(),
            false => inbox,
        });
        Box::pin(async move { [Arc::clone(&node), node] }) as BoxFuture<'static, _>
    };
    assert_eq!(inbox_conformance(DefaultBackend::new(), open).await, Ok(()));
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_conforms() {
    let folder = Folder::new();
    let number = std::sync::atomic::AtomicUsize::new(0);
    let open = |setup: InboxSetup| {
        let number = number.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let file = folder.path().join(format!("{number}.db"));
        Box::pin(async move {
            // Two connections to one file, as two processes have them.
            let open = async || -> Arc<dyn Inbox> {
                let clock = setup.clock.clone();
                let options = SqliteOptions::new(&file).with_clock(move || clock.now());
                let options = match setup.is_ordered {
                    true => options.ordered_by_resource(),
                    false => options,
                };
                Arc::new(SqliteInbox::connect(options).await.unwrap()) as _
            };
            [open().await, open().await]
        }) as BoxFuture<'static, _>
    };
    assert_eq!(inbox_conformance(DefaultBackend::new(), open).await, Ok(()));
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_conforms() {
    let Some(url) = server::database().await else { return };
    let number = std::sync::atomic::AtomicUsize::new(0);
    let open = |setup: InboxSetup| {
        // An endpoint of its own is an empty inbox in the same tables.
        let endpoint = number.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let url = url.clone();
        Box::pin(async move {
            let open = async || -> Arc<dyn Inbox> {
                let clock = setup.clock.clone();
                let options = PostgresOptions::new(&url)
                    .unwrap()
                    .with_endpoint(endpoint.to_string())
                    .with_connections(5)
                    .with_clock(move || clock.now());
                let options = match setup.is_ordered {
                    true => options.ordered_by_resource(),
                    false => options,
                };
                Arc::new(PostgresInbox::connect(options).await.unwrap()) as _
            };
            [open().await, open().await]
        }) as BoxFuture<'static, _>
    };
    assert_eq!(inbox_conformance(DefaultBackend::new(), open).await, Ok(()));
}
