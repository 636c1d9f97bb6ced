//! The hosts that a receiver must reach.

use std::collections::BTreeSet;
use std::env;
use std::time::Duration;

use http::Uri;
use partner_center_webhooks::diagnosis::Examination;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::part::{Part, Status};

/// Connects to the host of the certificate, and to the hosts that the certificate names for issuers and revocation lists.
pub(super) async fn part(url: Option<&str>, examination: Option<&Examination>) -> Part {
    let Some(host) = url.and_then(target) else {
        return Part::skipped(NAME, "no certificate URL is known");
    };
    let is_set = |name: &&&str| env::var_os(name).is_some_and(|value| !value.is_empty());
    if let Some(proxy) = PROXIES.iter().find(is_set) {
        let summary = format!("not tried directly, because {proxy} names a proxy");
        return Part::new(NAME, Status::Warning, summary);
    }
    if let Err(problem) = connect(&host).await {
        return Part::new(NAME, Status::Unknown, format!("{host} is not reached: {problem}"));
    }
    let mut unreached = Vec::new();
    let others = examination.map(evidence_hosts).unwrap_or_default();
    for other in &others {
        if let Err(problem) = connect(other).await {
            unreached.push(format!("{other} ({problem})"));
        }
    }
    match unreached.is_empty() {
        true => {
            let summary = format!("{host} is reached, and {} other hosts", others.len());
            Part::new(NAME, Status::Ok, summary)
        }
        false => {
            let summary =
                format!("issuers and revocation lists: no way to {}", unreached.join(", "));
            Part::new(NAME, Status::Warning, summary)
        }
    }
}

/// Host and port of a URL.
fn target(url: &str) -> Option<String> {
    let uri: Uri = url.parse().ok()?;
    let usual = if uri.scheme_str() == Some("https") { 443 } else { 80 };
    Some(format!("{}:{}", uri.host()?, uri.port_u16().unwrap_or(usual)))
}

fn evidence_hosts(examination: &Examination) -> BTreeSet<String> {
    let json = examination.to_json();
    let urls = ["issuer_urls", "revocation_list_urls"].into_iter().flat_map(|member| {
        let urls = json.get("certificate").and_then(|certificate| certificate.get(member));
        urls.and_then(Value::as_array).cloned().unwrap_or_default()
    });
    urls.filter_map(|url| target(url.as_str()?)).collect()
}

async fn connect(host: &str) -> Result<(), String> {
    match timeout(PATIENCE, TcpStream::connect(host)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("no connection within {} s", PATIENCE.as_secs())),
    }
}

const NAME: &str = "network";
const PATIENCE: Duration = Duration::from_secs(5);
const PROXIES: [&str; 6] =
    ["https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"];
