//! What an operator sees: the log events of a receiver as JSON lines, and counters of their outcomes at the end.
//!
//! A throw-away issuer signs a few callbacks; each is delivered, one of them twice, and some are forged. The layer of this
//! example is what a service needs to feed its own metrics: it takes the fields, by their names, from the events of target
//! `partner_center_webhooks`. The names are listed on the crate's front page, and are stable.

mod fields;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::error::Error;
use std::io::{self, Write as _};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use fields::Fields;
use http::{Request, Response};
use http_body_util::Full;
use partner_center_webhooks::crypto::DefaultBackend;
use partner_center_webhooks::duplicates::InMemory;
use partner_center_webhooks::testing::{Issuer, SignedRequest};
use partner_center_webhooks::tower::VerifyLayer;
use tower::{Layer as _, ServiceExt as _, service_fn};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

/// Counts events by outcome, and writes each as a line.
#[derive(Clone, Default)]
struct Export {
    counters: Arc<Mutex<BTreeMap<String, u64>>>,
}

impl<S: Subscriber> Layer<S> for Export {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() != "partner_center_webhooks" {
            return;
        }
        let fields = Fields::of(event);
        let labels: Vec<_> = ["outcome", "kind", "status", "verdict", "step"]
            .iter()
            .filter_map(|name| Some(format!("{name}={:?}", fields.text(name)?)))
            .collect();
        let mut counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        let counter = counters.entry(labels.join(",")).or_default();
        *counter = counter.saturating_add(1);
        let _ = writeln!(io::stdout(), "{}", fields.to_json());
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let export = Export::default();
    tracing_subscriber::registry().with(export.clone()).init();

    let issuer = Issuer::new()?;
    let signer = issuer.signer()?;
    let receiver = issuer.receiver(DefaultBackend::new(), &signer)?.build()?;
    let service = VerifyLayer::new(receiver).with_duplicates(Arc::new(InMemory::new())).layer(
        service_fn(async |_: Request<Full<Bytes>>| {
            Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
        }),
    );
    let deliver = async |callback: &SignedRequest| {
        let mut request = Request::new(Full::new(callback.body.clone()));
        request.headers_mut().clone_from(&callback.headers);
        service.clone().oneshot(request).await
    };

    let invoice = signer.callback(r#"{"EventName":"invoice-ready"}"#)?;
    let forged = invoice.clone().with_body(r#"{"EventName":"test-created"}"#);
    let unsigned = invoice.clone().without_header("authorization");
    for callback in [&invoice, &forged, &invoice, &unsigned] {
        deliver(callback).await?;
    }

    let counters = export.counters.lock().unwrap_or_else(PoisonError::into_inner);
    for (labels, count) in &*counters {
        writeln!(io::stdout(), "partner_center_webhooks_total{{{labels}}} {count}")?;
    }
    Ok(())
}
