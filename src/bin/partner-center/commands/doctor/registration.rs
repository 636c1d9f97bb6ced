//! What is registered at Partner Center.

use http::Uri;
use partner_center_webhooks::event::EventName;
use partner_center_webhooks::http_client::ReqwestClient;
use partner_center_webhooks::registration::{Registration, RegistrationClient};

use super::options::DoctorOptions;
use super::part::{Part, Status};
use crate::options::trust::Trust;

pub(super) async fn part(options: &DoctorOptions, trust: &Trust) -> Part {
    if !options.account.is_configured() {
        return Part::skipped(NAME, "no credentials are configured (see `Account` in --help)");
    }
    let cloud = trust.cloud(&options.trust.place);
    let fail = |problem: String| Part::new(NAME, Status::Unknown, problem);
    let http = match ReqwestClient::new() {
        Ok(http) => http,
        Err(error) => return fail(error.to_string()),
    };
    let providers = match options.account.providers(&cloud, http.clone()) {
        Ok(providers) => providers,
        Err(failure) => return Part::new(NAME, Status::Failed, failure.what()),
    };
    let client = match RegistrationClient::new(&cloud, http, providers.partner_center) {
        Ok(client) => client,
        Err(error) => return fail(error.to_string()),
    };
    match client.get().await {
        Ok(Some(registration)) => of(&registration, &options.path),
        Ok(None) => Part::new(NAME, Status::Failed, "nothing is registered")
            .or_try("partner-center register ensure --url URL --event NAME"),
        Err(error) => fail(error.to_string()),
    }
}

fn of(registration: &Registration, path: &str) -> Part {
    let url = registration.webhook_url();
    let header = match registration.signature_token_to_ms_signature_header() {
        Some(true) => "x-ms-signature",
        _ => "Authorization",
    };
    let events = registration.webhook_events().len();
    let summary = format!("{}, {events} events, signature in {header}", url.escape_debug());
    let parsed: Option<Uri> = url.parse().ok();
    let registered = parsed.as_ref().map_or("", Uri::path);
    if registered != path {
        let summary = format!("{summary}; its path is not the receiver's, which is {path}");
        return Part::new(NAME, Status::Warning, summary);
    }
    match registration.holds(&EventName::TestCreated) {
        true => Part::new(NAME, Status::Ok, summary),
        false => Part::new(
            NAME,
            Status::Warning,
            format!("{summary}; without test-created, test events cannot be sent"),
        ),
    }
}

const NAME: &str = "registration";
