//! An inbox behind an axum route: each event is stored before the response, and has its effect exactly once.
//!
//! ```text
//! inbox                 # in a temporary file
//! inbox callbacks.db    # in a file that is kept
//! ```
//!
//! The callbacks are signed by a throw-away issuer. In production the receiver is `Receiver::builder().build()?`. With PostgreSQL,
//! `PostgresInbox` and its transaction take the places of `SqliteInbox` and its transaction; the rest is the same.

#![expect(clippy::print_stdout, reason = "what is printed is the point")]

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::{Router, routing::post};
use partner_center_webhooks::crypto::DefaultBackend;
use partner_center_webhooks::inbox::axum::StoredCallback;
use partner_center_webhooks::inbox::sqlite::{SqliteInbox, SqliteOptions};
use partner_center_webhooks::inbox::{
    Claimed, Handler, Inbox, InboxEndpoint, InboxError, InboxWorker, Outcome,
};
use partner_center_webhooks::testing::Issuer;
use tower::ServiceExt as _;

const CREATE: &str = "create table if not exists invoice (event text, number bigint)";
const INSERT: &str = "insert into invoice values ($1, $2)";

/// It runs after the commit, so 200 is true.
async fn callback(StoredCallback(accepted): StoredCallback) {
    println!("{:<9} {}", format!("{:?}", accepted.stored), accepted.callback.digest());
}

/// The handler's own table is in the file of the inbox.
async fn run(place: &str) -> Result<(), Box<dyn Error>> {
    let inbox = SqliteInbox::connect(SqliteOptions::new(place)).await?;
    let mut transaction = inbox.begin().await?;
    sqlx::query(CREATE).execute(transaction.connection()).await?;
    transaction.commit().await?;

    let own = inbox.clone();
    let handler = move |claimed: Claimed| {
        let inbox = own.clone();
        async move {
            let mut transaction = inbox.begin().await?;
            transaction.complete(claimed.token).await?; // first: a stale attempt ends here
            let number = i64::try_from(claimed.token.seq()).unwrap_or_default();
            let insert = sqlx::query(INSERT).bind(&claimed.entry.event).bind(number);
            insert.execute(transaction.connection()).await.map_err(InboxError::unavailable)?;
            transaction.commit().await?; // the effect and the completion
            Ok::<_, InboxError>(Outcome::Settled)
        }
    };
    serve(Arc::new(inbox), handler).await
}

/// Delivers three events, two of them twice, and waits until they are handled.
async fn serve(inbox: Arc<dyn Inbox>, handler: impl Handler) -> Result<(), Box<dyn Error>> {
    let issuer = Issuer::new()?;
    let signer = issuer.signer()?;
    let receiver = issuer.receiver(DefaultBackend::new(), &signer)?.build()?;
    let endpoint = InboxEndpoint::new(receiver, Arc::clone(&inbox));
    let app = Router::new().route("/", post(callback)).with_state(endpoint);

    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let worker = InboxWorker::new(Arc::clone(&inbox));
    let worker = tokio::spawn(worker.run(handler, async { stopped.await.unwrap_or(()) }));
    for number in [1, 2, 1, 3, 2] {
        let body = format!(r#"{{"EventName":"invoice-ready","Number":{number}}}"#);
        let signed = signer.callback(body)?;
        let mut request = Request::post("/").body(Body::from(signed.body))?;
        *request.headers_mut() = signed.headers;
        assert_eq!(app.clone().oneshot(request).await?.status(), StatusCode::OK);
    }
    while inbox.stats().await?.pending > 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    stop.send(()).ok(); // as at SIGTERM
    worker.await?;
    println!("{} done", inbox.stats().await?.done);
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    match std::env::args().nth(1) {
        Some(place) => run(&place).await,
        None => {
            let folder = std::env::temp_dir().join(format!("inbox-{}", std::process::id()));
            std::fs::create_dir_all(&folder)?;
            let ran = run(&folder.join("inbox.db").display().to_string()).await;
            std::fs::remove_dir_all(&folder)?;
            ran
        }
    }
}
