//! The state of a receiver, as it tells its operators.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use partner_center_webhooks::http_client::{HttpClient as _, Limits, ReqwestClient};
use serde_json::Value;

/// The response of a receiver to `GET /readyz`.
pub(crate) struct State {
    pub(crate) is_ready: bool,
    pub(crate) body: Value,
}

/// Asks the receiver whose address for operators is at `url`.
pub(crate) async fn state(url: &str) -> Result<State, String> {
    let (status, body) = get(url, "/readyz").await?;
    let body = serde_json::from_slice(&body).map_err(|_| "it is not a receiver".to_owned())?;
    Ok(State { is_ready: status == 200, body })
}

/// Whether the process responds at all.
pub(crate) async fn is_alive(url: &str) -> Result<bool, String> {
    get(url, "/healthz").await.map(|(status, _)| status == 200)
}

async fn get(url: &str, path: &str) -> Result<(u16, Bytes), String> {
    let client = ReqwestClient::customized(|builder| builder.no_proxy());
    let client = client.map_err(|error| error.to_string())?;
    let request = Request::get(format!("{}{path}", url.trim_end_matches('/')));
    let request = request.body(Bytes::new()).map_err(|error| error.to_string())?;
    let limits = Limits::new(Duration::from_secs(5), 1 << 20);
    let response = client.send(request, limits).await.map_err(|error| error.to_string())?;
    Ok((response.status().as_u16(), response.into_body()))
}

/// Where a receiver listens for its operators.
pub(crate) const ADDRESS: &str = "127.0.0.1:9464";
