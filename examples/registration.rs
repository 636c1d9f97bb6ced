//! Registers a URL for callbacks, adds an event, and has a test event sent.
//!
//! ```text
//! cargo run --example registration --features testing
//! ```
//!
//! It runs against a Partner Center on this machine. In production the cloud is `Cloud::Global`, and the application one of
//! your tenant. `partner-center register` does the same from the command line.
#![expect(clippy::print_stdout, reason = "the output is the point")]

use std::error::Error;

use partner_center_webhooks::EventName;
use partner_center_webhooks::http_client::ReqwestClient;
use partner_center_webhooks::registration::{Registration, RegistrationClient, WhenLimited};
use partner_center_webhooks::testing::PartnerCenter;
use partner_center_webhooks::token::{Application, ClientCredentials};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let partner_center = PartnerCenter::start().await?;
    let cloud = partner_center.cloud();
    let http = ReqwestClient::new()?;
    let application = Application::new(
        &cloud,
        &partner_center.tenant_id(),
        partner_center.client_id(),
        partner_center.client_secret(),
    )?;
    let tokens = ClientCredentials::new(application, http.clone());
    let client = RegistrationClient::new(&cloud, http, tokens)?;

    let url = "https://contoso.example/webhooks/callback";
    let wanted = Registration::new(url, [EventName::TestCreated, EventName::InvoiceReady])?;
    println!("{}", client.ensure(&wanted).await?);
    println!("{}", client.ensure(&wanted).await?);
    let more = Registration::new(url, [EventName::SubscriptionUpdated])?;
    println!("{}", client.ensure(&more).await?);

    let id = client.send_test_event(WhenLimited::Wait).await?;
    let status = client.test_event_status(&id).await?;
    println!(
        "test event: {}",
        status.map_or_else(|| "unknown".to_owned(), |it| it.status().to_string())
    );
    Ok(())
}
