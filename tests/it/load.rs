//! Two hundred connections at once, a third of them forged, some repeated, while the certificate is replaced: no genuine
//! event is refused or lost or handled twice, and no forged one is handled.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bytes::Bytes;
use partner_center_webhooks::crypto::{AwsLcRs, Backend as _};
use partner_center_webhooks::duplicates::InMemory;
use partner_center_webhooks::receiver::ReceiverBuilder;
use partner_center_webhooks::signature::BodyDigest;
use partner_center_webhooks::testing::{Callback, Issuer, Signer};

use crate::fronts::{Answer, Calls, FAIL, Front, Handler, PANIC, request, send};
use crate::support::{ISSUER, NOW, Scripted, bundle, chain, later};

const CONNECTIONS: usize = 200;
/// Each connection's deliveries, one after the other; by their number, three of ten are forged and one repeats another's.
const DELIVERIES: usize = 10;
/// As often as Partner Center tries.
const ATTEMPTS: u32 = 10;

static FOREIGN: LazyLock<Signer> = LazyLock::new(|| Issuer::at(NOW).unwrap().signer().unwrap());

/// One run against one adapter.
struct Load {
    address: SocketAddr,
    handler: Handler,
    signers: [Signer; 2],
    source: Scripted,
    seconds: Arc<AtomicU64>,
    delivered: AtomicUsize,
}

impl Load {
    async fn open(front: Front) -> Self {
        let former = ISSUER.signer().unwrap();
        let current = ISSUER.signing_certificate().new_key().unwrap().issue();
        let source = Scripted::serving(&former);
        let seconds = Arc::new(AtomicU64::new(0));
        let clock = Arc::clone(&seconds);
        let receiver = ReceiverBuilder::new(chain(), source.clone())
            .clock(move || later(clock.load(Ordering::SeqCst)))
            .build()
            .unwrap();
        let handler = Handler::new();
        let guard = Arc::new(InMemory::new());
        Self {
            address: front.serve(receiver, guard, &handler).await,
            handler,
            signers: [former, current.unwrap()],
            source,
            seconds,
            delivered: AtomicUsize::new(0),
        }
    }

    /// The body of a genuine event. A few are such that the handler fails at first.
    fn body(number: usize) -> Bytes {
        let name = match number % 100 {
            16 => FAIL,
            37 => PANIC,
            _ => "subscription-updated",
        };
        format!(r#"{{"EventName":"{name}","Number":{number}}}"#).into()
    }

    /// Half way, the certificate host serves another certificate; a minute later its key is used too.
    fn delivery_begins(&self) -> usize {
        let delivered = self.delivered.fetch_add(1, Ordering::SeqCst);
        if delivered == CONNECTIONS * DELIVERIES / 2 {
            self.source.now_answers(Ok(bundle(&self.signers[1])));
            self.seconds.fetch_add(61, Ordering::SeqCst);
        }
        delivered
    }

    fn sign(&self, number: usize) -> Callback {
        let delivered = self.delivered.load(Ordering::SeqCst);
        let is_replaced = self.seconds.load(Ordering::SeqCst) > 0;
        // Afterwards either signs: what was signed before is still on its way.
        let signer = &self.signers[usize::from(is_replaced && delivered.is_multiple_of(2))];
        signer.callback(Self::body(number)).unwrap()
    }

    async fn deliver(&self, number: usize) -> Result<(), String> {
        let mut answers = Vec::new();
        for attempt in 1..=ATTEMPTS {
            let callback = self.sign(number);
            match send(self.address, &request(&callback)).await {
                Some(Answer { status: 200, .. }) => return Ok(()),
                Some(answer) if answer.status < 500 => {
                    return Err(format!("{number} was refused: {answer:?}"));
                }
                answer => answers.push(answer),
            }
            tokio::time::sleep(Duration::from_millis(10) * attempt).await;
        }
        Err(format!("{number} is lost: {answers:?}"))
    }

    async fn forge(&self, number: usize) -> Result<(), String> {
        let body = format!(r#"{{"EventName":"subscription-updated","Forged":{number}}}"#);
        let genuine = self.sign(number);
        let forged = match number % 4 {
            0 => genuine.with_body(body),
            1 => FOREIGN.callback(body).unwrap(),
            2 => genuine.with_body(body).without_header("authorization"),
            _ => genuine
                .with_header("x-ms-certificate-url", b"https://evil.example/cert/a.cer")
                .unwrap(),
        };
        match send(self.address, &request(&forged)).await {
            Some(Answer { status: 401, .. }) => Ok(()),
            answer => Err(format!("forged {number}: {answer:?}")),
        }
    }

    async fn connection(self: Arc<Self>, connection: usize) -> Result<(), String> {
        for step in 0..DELIVERIES {
            let number = connection * DELIVERIES + step;
            self.delivery_begins();
            match step {
                0 | 3 | 8 => self.forge(number).await?,
                // What another connection delivers at about this moment.
                5 => {
                    self.deliver((number + DELIVERIES + 1) % (CONNECTIONS * DELIVERIES))
                        .await?
                }
                _ => self.deliver(number).await?,
            }
        }
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_and_nothing_handled_twice() {
    for front in [
        Front::AxumLayer,
        Front::AxumClaimed,
        Front::ActixMiddleware,
        Front::TowerLayer,
    ] {
        let load = Arc::new(Load::open(front).await);
        let connections =
            (0..CONNECTIONS).map(|number| tokio::spawn(Arc::clone(&load).connection(number)));
        for connection in connections.collect::<Vec<_>>() {
            assert_eq!(connection.await.unwrap(), Ok(()), "{front:?}");
        }
        let expected: HashMap<_, _> = (0..CONNECTIONS * DELIVERIES)
            .filter(|number| matches!(number % DELIVERIES, 1 | 2 | 4 | 6 | 7 | 9))
            .map(|number| {
                let digest = AwsLcRs::new().sha256(&Load::body(number));
                let begun = match number % 100 {
                    16 | 37 => 2,
                    _ => 1,
                };
                let calls = Calls {
                    begun,
                    succeeded: 1,
                };
                (BodyDigest::from_bytes(digest).to_string(), calls)
            })
            .collect();
        assert_eq!(expected.len(), 1200);
        assert_eq!(load.handler.calls(), expected, "{front:?}");
        let fetches = load.source.fetches();
        assert!((2..=4).contains(&fetches), "{front:?}: {fetches} fetches");
    }
}
