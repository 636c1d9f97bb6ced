//! Publishing beside Microsoft's own clients for Python and Node, which are installed under `target/tmp` when this runs
//! first. Skipped, aloud, where there is no Python or Node, or where their packages cannot be had.
//!
//! Their requests and ours go to the same fake, and are the same but for what belongs to a client's HTTP library.

#![expect(
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "helpers of tests are tests too, and what cannot be tested is skipped aloud"
)]

#[path = "interop/management.rs"]
mod management;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use partner_center_webhooks::event_grid::{
    AccessKey, ChannelName, CloudEvent, Credential, PublishEndpoint, Publisher, SasToken,
};
use partner_center_webhooks::http_client::ReqwestClient;
use partner_center_webhooks::testing::EventGrid;
use partner_center_webhooks::testing::event_grid::RecordedRequest;
use partner_center_webhooks::token::AccessToken;
use serde_json::{Value, json};
use time::OffsetDateTime;

const CHANNEL: &str = "fabrikam";

/// 2099-01-02T15:04:05Z, the end of all signatures.
const END: i64 = 4_071_049_445;

/// 2026-11-21T01:02:03Z, when all events happened, but for a fraction.
const TIME: i64 = 1_795_222_923;

/// What HTTP libraries add, and what says which client it was: nothing that Event Grid asks for.
const OF_THE_LIBRARY: &[&str] = &["accept", "accept-encoding", "connection", "user-agent"];

#[tokio::test]
async fn python() {
    let Some(python) = install_python("azure-eventgrid==4.22.1") else {
        return;
    };
    let scene = Scene::new(123_456_000).await;
    let mut client = Command::new(python);
    client.arg(script("publish.py"));
    let said = scene.compare(client).await;

    let (_, signature) = scene.sas.expose_secret().split_once("&s=").unwrap();
    let encoded: String =
        form_urlencoded::byte_serialize(said["signature"].as_str().unwrap().as_bytes()).collect();
    assert_eq!(signature, encoded, "our signature, computed again by theirs");
}

#[tokio::test]
async fn node() {
    let Some(folder) = install_node() else {
        return;
    };
    let scene = Scene::new(123_000_000).await;
    let mut client = Command::new("node");
    client.arg(script("publish.mjs")).current_dir(folder);
    let said = scene.compare(client).await;
    assert_eq!(
        said["sas"],
        scene.sas.expose_secret(),
        "a signature of the same key, endpoint and end"
    );
}

/// A fake, and all proofs that it takes.
struct Scene {
    fake: EventGrid,
    key: AccessKey,
    sas: SasToken,
    token: String,
    nanoseconds: i64,
}

impl Scene {
    async fn new(nanoseconds: i64) -> Self {
        let fake = EventGrid::start().await.unwrap();
        let key = AccessKey::new(fake.access_key()).unwrap();
        let end = OffsetDateTime::from_unix_timestamp(END).unwrap();
        Self {
            sas: SasToken::mint(&key, &endpoint(&fake), end).unwrap(),
            key,
            token: fake.access_token(),
            fake,
            nanoseconds,
        }
    }

    /// Lets another client publish with a key, a signature of its own, ours, and a token; then does the same, and compares.
    async fn compare(&self, mut client: Command) -> Value {
        let published = serde_json::to_string(&self.events()).unwrap();
        let job = json!({
            "endpoint": self.fake.endpoint(),
            "channel": CHANNEL,
            "key": self.fake.access_key(),
            "sas": self.sas.expose_secret(),
            "token": self.token,
            "published": published,
        });
        client.arg(job.to_string());
        // Not on this runtime's only thread, on which the fake answers.
        let output = tokio::task::spawn_blocking(move || client.output().unwrap());
        let output = output.await.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let said: Value = serde_json::from_slice(&output.stdout).unwrap();

        let token = AccessToken::new(self.token.clone()).unwrap();
        self.publish(self.key.clone()).await;
        self.publish(self.sas.clone()).await;
        self.publish(self.sas.clone()).await;
        self.publish(Credential::bearer(token)).await;

        let requests = self.fake.requests();
        assert_eq!(requests.len(), 8);
        for (theirs, ours) in requests[..4].iter().zip(&requests[4..]) {
            assert_eq!(essence(ours), essence(theirs));
        }
        assert_eq!(self.fake.accepted().len(), 16, "each signature and each event was accepted");
        assert_eq!(said["scopes"], json!([Credential::SCOPE]));
        assert_eq!(
            said["decoded"],
            json!([
                ["one", "items/ä", {"a": [1, 2.5, null, "ü"]}],
                ["two", null, "AP8Q"],
            ]),
            "our events, read by theirs"
        );
        said
    }

    async fn publish(&self, credential: impl Into<Credential>) {
        let http = ReqwestClient::new().unwrap();
        let publisher: Publisher = Publisher::new(endpoint(&self.fake), credential, http);
        let channel = ChannelName::new(CHANNEL).unwrap();
        let accepted = publisher.publish(&channel, self.events()).await.unwrap();
        assert_eq!((accepted.events(), accepted.requests()), (2, 1));
    }

    /// The events of the scripts.
    fn events(&self) -> Vec<CloudEvent> {
        let nanoseconds = i128::from(TIME) * 1_000_000_000 + i128::from(self.nanoseconds);
        let time = OffsetDateTime::from_unix_timestamp_nanos(nanoseconds).unwrap();
        let event = |id| {
            let event = CloudEvent::new("/contoso", "Contoso.Items.Created").unwrap();
            event.with_id(id).unwrap().with_time(time).unwrap()
        };
        let one = event("one")
            .with_subject("items/ä")
            .and_then(|event| event.with_json(&json!({"a": [1, 2.5, null, "ü"]})))
            .and_then(|event| event.with_data_schema("https://contoso.example/schema"))
            .and_then(|event| event.with_extension("region", "west"))
            .and_then(|event| event.with_extension("count", 7));
        let two = event("two").with_bytes("application/octet-stream", [0, 255, 16]);
        vec![one.unwrap(), two.unwrap()]
    }
}

fn endpoint(fake: &EventGrid) -> PublishEndpoint {
    PublishEndpoint::danger_plain_http_on_loopback(fake.endpoint()).unwrap()
}

/// What of a request is Event Grid's business. Values of headers that differ from request to request are left out, their
/// names are not.
fn essence(request: &RecordedRequest) -> (String, String, BTreeMap<String, String>, Value) {
    let headers = request.headers().iter().filter_map(|(name, value)| {
        let value = match name.as_str() {
            name if OF_THE_LIBRARY.contains(&name) => return None,
            "aeg-sas-token" | "content-length" | "x-ms-client-request-id" => "…",
            _ => value.to_str().unwrap(),
        };
        Some((name.to_string(), value.to_owned()))
    });
    (
        request.method().to_string(),
        request.path_and_query().to_owned(),
        headers.collect(),
        request.json().unwrap(),
    )
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop").join(name)
}

/// Python, with one of the clients: once for each version.
fn install_python(client: &str) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(client);
    let python = folder.join("bin/python");
    let mut venv = Command::new("python3");
    venv.args(["-m", "venv", "--clear"]).arg(&folder);
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip", "install", "--quiet", "--retries", "1"])
        .args(["--disable-pip-version-check", client]);
    install(&folder, [venv, pip]).map(|()| python)
}

/// A folder that Node finds the client in: once for each version.
fn install_node() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("eventgrid-5.12.0");
    let mut node = Command::new("node");
    node.arg("--version");
    let mut npm = Command::new("npm");
    npm.args(["install", "--loglevel=error", "--no-audit", "--no-fund"])
        .args(["--fetch-retries=1", "--fetch-timeout=20000", "--prefix"])
        .arg(&folder)
        .arg("@azure/eventgrid@5.12.0");
    install(&folder, [node, npm]).map(|()| folder)
}

/// Runs `steps` unless they succeeded before.
fn install<const N: usize>(folder: &Path, steps: [Command; N]) -> Option<()> {
    let done = folder.join("installed");
    if done.exists() {
        return Some(());
    }
    for mut step in steps {
        let program = step.get_program().to_string_lossy().into_owned();
        let failure = match step.output() {
            Ok(output) if output.status.success() => continue,
            Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            Err(error) => error.to_string(),
        };
        println!(
            "SKIPPED: Microsoft's client could not be installed into {}: {program}: {failure}",
            folder.display()
        );
        return None;
    }
    std::fs::write(done, "").unwrap();
    Some(())
}
