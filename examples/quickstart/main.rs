//! Every known event, and every forgery that we could think of, over real HTTP on loopback.
//!
//! ```text
//! cargo run --example quickstart --features axum,testing
//! ```
//!
//! A throw-away certificate authority stands in for Microsoft's: it issues a signing certificate, which a small web server
//! hands out. An axum receiver, configured as in production except for what it trusts, takes the callbacks. For each, the
//! program prints the callback, the status and the reason. The exit code is 1 if a response is not the expected one.
#![expect(clippy::print_stdout, reason = "what is printed is the point")]

mod certificate_host;
mod forgeries;
mod genuine;
mod report;
#[path = "../support/resource.rs"]
mod resource;
mod web_hook;

use std::error::Error;
use std::process::ExitCode;

use certificate_host::CertificateHost;
use partner_center_webhooks::http_client::ReqwestClient;
use partner_center_webhooks::source::CertificateLocation;
use partner_center_webhooks::testing::{Issuer, SignedRequest};
use partner_center_webhooks::{ErrorKind, EventName, Receiver};
use report::Report;
use web_hook::WebHook;

/// A callback to post, and the verdict to expect.
struct Case {
    what: String,
    callback: SignedRequest,
    expected: Verdict,
}

/// The status of the response to a callback, and what the application got.
#[derive(Debug, Eq, PartialEq)]
struct Verdict {
    status: u16,
    outcome: Outcome,
}

#[derive(Debug, Eq, PartialEq)]
enum Outcome {
    Event(EventName),
    Refusal(ErrorKind),
}

/// Callbacks of a kind, under a title.
type Section = (&'static str, Vec<Case>);

#[tokio::main]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    // Microsoft's side.
    let issuer = Issuer::new()?;
    let mut host = CertificateHost::bind().await?;
    let signer = host.publish("pcnotifications-dispatch.microsoft.com", issuer.signer()?);
    let genuine = genuine::sections(&signer)?;
    let forged = forgeries::sections(&issuer, &signer, &mut host)?;

    // Our side. In production: Receiver::builder().build()?
    let location = CertificateLocation::default();
    let receiver = Receiver::builder()
        .certificate_location(location.danger_also_allow_loopback_http(host.location())?)
        .anchors(issuer.anchors()?)
        .intermediates(issuer.intermediates())
        .body_limit(BODY_LIMIT)
        // A proxy that the environment names cannot reach our loopback.
        .http_client(ReqwestClient::customized(|client| client.no_proxy())?)
        .build()?;
    let mut web_hook = WebHook::open(receiver).await?;

    println!("certificates  {}", host.location());
    println!("receiver      {}", web_hook.url());
    host.open();

    let mut report = Report::default();
    for (title, cases) in genuine.into_iter().chain(forged) {
        report.section(title);
        for case in cases {
            let exchange = web_hook.post(&case.callback).await?;
            report.case(&case, &exchange);
        }
    }
    Ok(report.end())
}

/// The receiver's limit on bodies, in bytes. Small, so that one packet holds a longer one; the default is 256 KiB.
const BODY_LIMIT: usize = 4 * 1024;
