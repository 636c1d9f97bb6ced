//! The clock of this machine, compared with the one of the certificate host.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::Request;
use http::header::DATE;
use partner_center_webhooks::http_client::Limits;

use super::part::{Part, Status};
use crate::options::trust::Trust;

pub(super) async fn part(url: Option<&str>, trust: &Trust) -> Part {
    let allowed = url.and_then(|url| trust.location.check(url).ok());
    let Some(url) = allowed else {
        return Part::skipped(NAME, "no certificate URL is allowed that could be asked");
    };
    let request = match Request::get(url.as_str()).body(Bytes::new()) {
        Ok(request) => request,
        Err(error) => return Part::new(NAME, Status::Unknown, error.to_string()),
    };
    let limits = Limits::new(Duration::from_secs(5), 1 << 20);
    let response = match trust.client.send(request, limits).await {
        Ok(response) => response,
        Err(error) => return Part::new(NAME, Status::Unknown, format!("no response: {error}")),
    };
    let date = response.headers().get(DATE).and_then(|date| date.to_str().ok());
    let Some(date) = date.and_then(|date| httpdate::parse_http_date(date).ok()) else {
        return Part::skipped(NAME, "the certificate host sends no date");
    };
    let now = SystemTime::now();
    let ahead = now.duration_since(date);
    let difference = ahead.or_else(|_| date.duration_since(now)).unwrap_or_default();
    let seconds = difference.as_secs();
    match difference > TOLERANCE {
        true => Part::new(
            NAME,
            Status::Warning,
            format!("it differs from the clock of the certificate host by {seconds} s"),
        ),
        false => Part::new(NAME, Status::Ok, format!("within {} s", seconds + 1)),
    }
}

const NAME: &str = "clock";
/// Certificates are renewed weeks before they expire, so minutes do not matter.
const TOLERANCE: Duration = Duration::from_secs(120);
