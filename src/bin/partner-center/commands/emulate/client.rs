//! A running emulator, driven over HTTP.

use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use http::Request;
use partner_center_webhooks::http_client::{HttpClient as _, Limits, ReqwestClient};
use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::summary::summary;
use crate::exit::Exit;
use crate::failure::Failure;

/// The options of all actions.
#[derive(Args, Clone, Debug)]
pub(super) struct Target {
    /// The emulator
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:4400")]
    emulator: String,
}

impl Target {
    /// Runs a command. Returns its effect in words.
    pub(super) async fn run(&self, command: &str) -> Result<String, Failure> {
        let request = Request::post(self.url("/commands")).body(Bytes::from(command.to_owned()));
        let (status, body) = self.send(request).await?;
        let text = String::from_utf8_lossy(&body).into_owned();
        match status {
            200 => Ok(text),
            _ => {
                let json: Option<Value> = serde_json::from_slice(&body).ok();
                let message = json.as_ref().and_then(Value::as_object).and_then(|members| {
                    members.values().find_map(Value::as_str).map(str::to_owned)
                });
                Err(self.refusal(message.unwrap_or(text)))
            }
        }
    }

    fn refusal(&self, message: String) -> Failure {
        if message.starts_with("refused with status 429") {
            return Failure::unknown(message);
        }
        let is_about_registration = message == "no webhook URL is registered";
        let failure = Failure::usage(message);
        match is_about_registration {
            true => failure.or_try("partner-center emulate register URL"),
            false => failure,
        }
    }

    /// The configuration of a client.
    pub(super) async fn configuration(&self) -> Result<Value, Failure> {
        self.get("").await
    }

    /// All deliveries.
    pub(super) async fn deliveries(&self) -> Result<Vec<Value>, Failure> {
        match self.get("/deliveries").await? {
            Value::Array(deliveries) => Ok(deliveries),
            _ => Err(self.not_an_emulator()),
        }
    }

    /// Waits until delivery `number` ends.
    pub(super) async fn outcome(&self, number: u64, limit: Duration) -> Result<Value, Failure> {
        let end = Instant::now() + limit;
        loop {
            let deliveries = self.deliveries().await?;
            let found = deliveries
                .into_iter()
                .find(|delivery| delivery.get("number").and_then(Value::as_u64) == Some(number));
            let delivery = found.ok_or_else(|| self.not_an_emulator())?;
            if delivery.get("outcome").and_then(Value::as_str) != Some("pending") {
                return Ok(delivery);
            }
            if Instant::now() >= end {
                return Err(Failure::unknown(format_args!(
                    "delivery {number} has no outcome after {} s",
                    limit.as_secs()
                ))
                .because(summary(&delivery))
                .or_try("partner-center emulate deliver-now"));
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    async fn get(&self, path: &str) -> Result<Value, Failure> {
        let request = Request::get(self.url(path)).body(Bytes::new());
        let (status, body) = self.send(request).await?;
        let json = serde_json::from_slice(&body).ok();
        json.filter(|_| status == 200).ok_or_else(|| self.not_an_emulator())
    }

    fn url(&self, path: &str) -> String {
        format!("{}/emulator{path}", self.emulator.trim_end_matches('/'))
    }

    async fn send(
        &self,
        request: Result<Request<Bytes>, http::Error>,
    ) -> Result<(u16, Bytes), Failure> {
        let request = request.map_err(|error| {
            Failure::usage(format_args!("--emulator {}: {error}", self.emulator))
        })?;
        let client = ReqwestClient::customized(|builder| builder.no_proxy());
        let client = client.map_err(Failure::unknown)?;
        let limits = Limits::new(Duration::from_secs(10), 64 << 20);
        let response = client.send(request, limits).await.map_err(|error| {
            Failure::unknown(format_args!("no emulator responds at {}", self.emulator))
                .because(error)
                .or_try("partner-center emulate")
        })?;
        Ok((response.status().as_u16(), response.into_body()))
    }

    fn not_an_emulator(&self) -> Failure {
        Failure::new(Exit::Unknown, format_args!("{} is not an emulator", self.emulator))
            .or_try("partner-center emulate")
    }
}
