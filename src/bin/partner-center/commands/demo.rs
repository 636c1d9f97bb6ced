//! `demo`: emulator, receiver and application in one process.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use http::{Method, Response};
use http_body_util::Full;
use partner_center_webhooks::crypto::DefaultBackend;
use partner_center_webhooks::event::EventName;
use partner_center_webhooks::testing::PartnerCenter;
use partner_center_webhooks::testing::partner_center::{Delivery, Forgery, Origin, Outcome};
use partner_center_webhooks::{Error, Received};
use serde_json::{Value, json};

use crate::browser::open;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Out, line, note};
use crate::serve::{Endpoint, Handler, bind, serve};
use crate::values::CALLBACK_PATH;

/// Starts a Partner Center and a receiver on free ports of this machine, sends every documented event and every kind of forgery,
/// and shows the verdicts
#[derive(Args, Debug)]
#[command(
    after_help = "No account and no network are needed. Exit code: 0 if every verdict is right, else 1."
)]
pub(crate) struct DemoOptions {
    /// Leave both running until Ctrl-C
    #[arg(long)]
    keep: bool,
    /// Leave both running, and open the page in a browser
    #[arg(long)]
    open: bool,
}

pub(crate) async fn run(options: &DemoOptions, out: Out) -> Result<Exit, Failure> {
    let partner_center = PartnerCenter::start().await;
    let partner_center = partner_center
        .map_err(|error| Failure::unknown(format_args!("cannot listen on 127.0.0.1: {error}")))?;
    let receiver =
        partner_center.receiver_builder(DefaultBackend::new()).map_err(Failure::unknown)?;
    let receiver = receiver.build().map_err(Failure::unknown)?;
    let listener = bind(([127, 0, 0, 1], 0).into()).await?;
    let url = format!("http://{}{CALLBACK_PATH}", listener.local_addr()?);
    let endpoint = Endpoint {
        path: CALLBACK_PATH.to_owned(),
        receiver,
        handler: Application,
        limit: Duration::from_secs(10),
    };
    let served = serve(listener, Arc::new(endpoint), std::future::pending(), Duration::ZERO);
    tokio::spawn(served);

    partner_center.set_registration(&json!({
        "webhookUrl": url,
        "webhookEvents": EventName::ALL.iter().map(EventName::as_str).collect::<Vec<_>>(),
    }));
    for name in EventName::ALL {
        partner_center.emit(name).map_err(Failure::unknown)?;
    }
    for forgery in Forgery::ALL {
        partner_center.forge(*forgery).map_err(Failure::unknown)?;
    }
    partner_center.settled().await;
    let exit = report(&partner_center.deliveries(), out)?;
    if options.keep || options.open {
        let base_url = partner_center.base_url();
        note(format_args!("receiver: {url}"));
        note(format_args!("emulator: {base_url}"));
        note(format_args!("page: {base_url}/emulator/"));
        for action in ["emit invoice-ready --wait", "forge all --wait", "rotate"] {
            note(format_args!("try: partner-center emulate {action} --emulator {base_url}"));
        }
        if options.open {
            open(&format!("{base_url}/emulator/"));
        }
        std::future::pending::<()>().await;
    }
    Ok(exit)
}

/// An application that has nothing to do.
struct Application;

impl Handler for Application {
    async fn handle(&self, _: Received<Bytes>) -> Response<Full<Bytes>> {
        Response::default()
    }

    fn refused(&self, _: &Error) {}

    fn unmatched(&self, _: &Method, _: &str) {}
}

/// Shows each verdict, and the sums.
fn report(deliveries: &[Delivery], out: Out) -> Result<Exit, Failure> {
    let mut verdicts = Vec::new();
    for delivery in deliveries {
        let verdict = Verdict::of(delivery);
        if !out.is_json() {
            line(verdict.line())?;
        }
        verdicts.push(verdict);
    }
    let (forgeries, events): (Vec<_>, Vec<_>) =
        verdicts.iter().partition(|verdict| verdict.is_forgery);
    let right = |verdicts: &[&Verdict]| verdicts.iter().filter(|verdict| verdict.is_right).count();
    let statuses: Vec<_> =
        forgeries.iter().map(|verdict| format!("{} {}", verdict.name, verdict.status)).collect();
    let text = format!(
        "accepted   {} of {} events\nrefused    {:>2} of {:>2} forgeries   {}",
        right(&events),
        events.len(),
        right(&forgeries),
        forgeries.len(),
        statuses.join(" · ")
    );
    let object = json!({
        "events": events.len(),
        "accepted": right(&events),
        "forgeries": forgeries.len(),
        "refused": right(&forgeries),
        "verdicts": verdicts.iter().map(Verdict::to_json).collect::<Vec<_>>(),
    });
    out.show(text, &object)?;
    match verdicts.iter().all(|verdict| verdict.is_right) {
        true => Ok(Exit::Yes),
        false => Ok(Exit::No),
    }
}

struct Verdict {
    name: String,
    is_forgery: bool,
    is_accepted: bool,
    is_right: bool,
    /// In words if there was no response.
    status: String,
}

impl Verdict {
    fn of(delivery: &Delivery) -> Self {
        let attempt = delivery.attempts().last();
        let status = attempt.and_then(|attempt| attempt.status());
        let (name, is_forgery) = match delivery.origin() {
            Origin::Forgery(forgery) => (forgery.to_string(), true),
            _ => (delivery.event_name().unwrap_or_default().to_owned(), false),
        };
        let is_accepted = status.is_some_and(|status| status.is_success());
        let is_right = match delivery.outcome() {
            Outcome::Delivered => !is_forgery,
            // No response is not a verdict.
            Outcome::Refused => is_forgery && status.is_some(),
            _ => false,
        };
        let status =
            status.map_or_else(|| "no response".to_owned(), |status| status.as_u16().to_string());
        Self { name, is_forgery, is_accepted, is_right, status }
    }

    fn line(&self) -> String {
        let Self { name, status, .. } = self;
        let word = if self.is_accepted { "accepted" } else { "refused" };
        let wrong = if self.is_right { "" } else { "   WRONG" };
        format!("{word:<8}   {name:<50} {status}{wrong}")
    }

    fn to_json(&self) -> Value {
        json!({
            "name": self.name,
            "forgery": self.is_forgery,
            "accepted": self.is_accepted,
            "right": self.is_right,
            "status": self.status.parse::<u16>().ok(),
        })
    }
}
