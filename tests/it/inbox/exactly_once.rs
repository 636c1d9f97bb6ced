//! Effects and completion in one transaction: both or neither.

use partner_center_webhooks::inbox::sqlite::{SqliteInbox, SqliteOptions};
use partner_center_webhooks::inbox::{ClaimToken, Filter, Inbox, InboxError, State};
use sqlx::{Connection as _, SqliteConnection};

use crate::server;
use crate::support::{Folder, callback, claim_one, count, sqlite};

async fn effects(inbox: &SqliteInbox) -> i64 {
    let mut transaction = inbox.begin().await.unwrap();
    let count = sqlx::query_scalar("select count(*) from effect");
    let count = count.fetch_one(transaction.connection()).await.unwrap();
    transaction.rollback().await.unwrap();
    count
}

async fn effect(inbox: &SqliteInbox, token: ClaimToken) -> Result<(), InboxError> {
    let mut transaction = inbox.begin().await?;
    let insert = sqlx::query("insert into effect values ($1)").bind(token.seq() as i64);
    insert.execute(transaction.connection()).await.unwrap();
    transaction.complete(token).await?;
    transaction.commit().await
}

async fn with_table(folder: &Folder) -> SqliteInbox {
    let inbox = sqlite(folder).await;
    let mut transaction = inbox.begin().await.unwrap();
    let create = sqlx::query("create table effect (seq integer)");
    create.execute(transaction.connection()).await.unwrap();
    transaction.commit().await.unwrap();
    inbox
}

#[tokio::test]
async fn sqlite_commits_both_or_neither() {
    let folder = Folder::new();
    let inbox = with_table(&folder).await;
    inbox.store(&callback(1).await).await.unwrap();
    let token = claim_one(&inbox).await.token;
    // Dropped before the commit.
    let mut transaction = inbox.begin().await.unwrap();
    let insert = sqlx::query("insert into effect values (1)");
    insert.execute(transaction.connection()).await.unwrap();
    transaction.complete(token).await.unwrap();
    drop(transaction);
    assert_eq!((effects(&inbox).await, count(&inbox, State::Done).await), (0, 0));

    effect(&inbox, token).await.unwrap();
    assert_eq!((effects(&inbox).await, count(&inbox, State::Done).await), (1, 1));
    // A second time it is stale, and its effect is rolled back.
    assert_eq!(effect(&inbox, token).await, Err(InboxError::Stale));
    assert_eq!(effects(&inbox).await, 1);
}

#[tokio::test]
async fn a_stale_attempt_on_sqlite_has_no_effect() {
    let folder = Folder::new();
    let inbox = with_table(&folder).await;
    inbox.store(&callback(1).await).await.unwrap();
    let old = claim_one(&inbox).await.token;
    inbox.release(old).await.unwrap();
    let new = claim_one(&inbox).await.token;
    assert_eq!(effect(&inbox, old).await, Err(InboxError::Stale));
    assert_eq!(effects(&inbox).await, 0);
    effect(&inbox, new).await.unwrap();
    assert_eq!(effects(&inbox).await, 1);
}

#[tokio::test]
async fn a_connection_of_the_application_completes_too() {
    let folder = Folder::new();
    let inbox = with_table(&folder).await;
    inbox.store(&callback(1).await).await.unwrap();
    let token = claim_one(&inbox).await.token;
    let url = format!("sqlite:{}", folder.file().display());
    let mut own = SqliteConnection::connect(&url).await.unwrap();
    let mut transaction = own.begin_with("begin immediate").await.unwrap();
    inbox.complete_in(&mut transaction, token).await.unwrap();
    transaction.rollback().await.unwrap();
    assert_eq!(count(&inbox, State::Done).await, 0);
    let mut transaction = own.begin_with("begin immediate").await.unwrap();
    inbox.complete_in(&mut transaction, token).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(count(&inbox, State::Done).await, 1);
}

#[tokio::test]
async fn endpoints_share_a_file_and_nothing_else() {
    let folder = Folder::new();
    let options = || SqliteOptions::new(folder.file());
    let one = SqliteInbox::connect(options().with_endpoint("one")).await.unwrap();
    let two = SqliteInbox::connect(options().with_endpoint("two")).await.unwrap();
    let callback = callback(1).await;
    use partner_center_webhooks::inbox::Stored::New;
    assert_eq!(one.store(&callback).await, Ok(New));
    assert_eq!(two.store(&callback).await, Ok(New));
    let token = claim_one(&one).await.token;
    assert_eq!(two.complete(token).await, Ok(partner_center_webhooks::duplicates::Settled::Stale));
    assert_eq!(one.discard(&Filter::new()).await, Ok(0));
    assert_eq!(two.discard(&Filter::new()).await, Ok(1));
}

#[tokio::test]
async fn postgres_commits_both_or_neither() {
    let Some(inbox) = server::inbox().await else { return };
    let mut transaction = inbox.begin().await.unwrap();
    let create = sqlx::query("create table effect (seq bigint)");
    create.execute(transaction.connection()).await.unwrap();
    transaction.commit().await.unwrap();
    let effect = async |token: ClaimToken| {
        let mut transaction = inbox.begin().await?;
        let insert = sqlx::query("insert into effect values ($1)").bind(token.seq() as i64);
        insert.execute(transaction.connection()).await.unwrap();
        transaction.complete(token).await?;
        transaction.commit().await
    };
    let effects = async || {
        let mut transaction = inbox.begin().await.unwrap();
        let count = sqlx::query_scalar::<_, i64>("select count(*) from effect");
        count.fetch_one(transaction.connection()).await.unwrap()
    };
    inbox.store(&callback(1).await).await.unwrap();
    let old = claim_one(&inbox).await.token;
    let mut transaction = inbox.begin().await.unwrap();
    transaction.complete(old).await.unwrap();
    drop(transaction);
    assert_eq!(count(&inbox, State::Done).await, 0);

    inbox.release(old).await.unwrap();
    let new = claim_one(&inbox).await.token;
    assert_eq!(effect(old).await, Err(InboxError::Stale));
    assert_eq!(effects().await, 0);
    effect(new).await.unwrap();
    assert_eq!((effects().await, count(&inbox, State::Done).await), (1, 1));
    assert_eq!(effect(new).await, Err(InboxError::Stale));
    assert_eq!(effects().await, 1);
}
