//! Signed callbacks, and folders that vanish.

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use partner_center_webhooks::Receiver;
use partner_center_webhooks::crypto::DefaultBackend;
use partner_center_webhooks::inbox::sqlite::{SqliteInbox, SqliteOptions};
use partner_center_webhooks::inbox::{Claimed, Filter, Inbox, Page, State, VerifiedCallback};
use partner_center_webhooks::testing::{Issuer, SignedRequest, Signer};

pub(crate) const LEASE: Duration = Duration::from_secs(60);
pub(crate) const ALL: NonZeroU32 = NonZeroU32::new(100_000).unwrap();

/// A folder that is removed at the end.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        // Short, because the path of a socket is limited.
        let name = format!("pci-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.0.join("inbox.db")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

struct World {
    issuer: Issuer,
    signer: Signer,
    receiver: Receiver,
}

fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| {
        let issuer = Issuer::new().unwrap();
        let signer = issuer.signer().unwrap();
        let receiver = issuer.receiver(DefaultBackend::new(), &signer).unwrap().build().unwrap();
        World { issuer, signer, receiver }
    })
}

pub(crate) fn receiver() -> Receiver {
    world().receiver.clone()
}

pub(crate) fn issuer() -> &'static Issuer {
    &world().issuer
}

pub(crate) fn request(body: impl Into<bytes::Bytes>) -> SignedRequest {
    world().signer.callback(body).unwrap()
}

/// The event number `number`, of one of `resources` resources.
pub(crate) fn body(number: usize, resources: usize) -> String {
    let resource = number % resources;
    format!(
        r#"{{"EventName":"subscription-updated","ResourceUri":"https://api.partnercenter.microsoft.com/v1/customers/4b2a6e33-8791-4386-bd2b-0d55baf25039/subscriptions/{resource}","Number":{number}}}"#
    )
}

pub(crate) async fn callback(number: usize) -> VerifiedCallback {
    callback_of(body(number, usize::MAX)).await
}

pub(crate) async fn callback_of(body: impl Into<bytes::Bytes>) -> VerifiedCallback {
    let request = request(body);
    VerifiedCallback::receive(&world().receiver, &request.headers, request.body).await.unwrap()
}

pub(crate) async fn callbacks(count: usize) -> Vec<VerifiedCallback> {
    let mut callbacks = Vec::new();
    for number in 0..count {
        callbacks.push(callback(number).await);
    }
    callbacks
}

pub(crate) async fn sqlite(folder: &Folder) -> SqliteInbox {
    SqliteInbox::connect(SqliteOptions::new(folder.file())).await.unwrap()
}

pub(crate) async fn claim_one(inbox: &dyn Inbox) -> Claimed {
    let mut claims = inbox.claim(NonZeroU32::MIN, LEASE).await.unwrap();
    claims.pop().expect("a callback is due")
}

/// How many callbacks are in a state.
pub(crate) async fn count(inbox: &dyn Inbox, state: State) -> usize {
    let filter = Filter::new().with_state(state);
    inbox.list(&filter, Page::first(ALL)).await.unwrap().len()
}
