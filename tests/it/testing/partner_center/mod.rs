//! The fake Partner Center behaves over real HTTP as documented or reported; each success has its refusals beside it.

mod faults;
mod registration;
mod resources;
mod tokens;
mod validation;

use std::time::Duration;

use http::Method;
use partner_center_webhooks::testing::PartnerCenter;
use partner_center_webhooks::testing::partner_center::Validation;
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value, json};
use time::OffsetDateTime;

const REGISTRATION: &str = "/webhooks/v1/registration";
const EVENTS: &str = "/webhooks/v1/registration/events";
const VALIDATION: &str = "/webhooks/v1/registration/validationEvents";

/// A fake, and a client with its credentials.
struct Fixture {
    fake: PartnerCenter,
    client: Client,
}

impl Fixture {
    async fn new() -> Self {
        Self {
            fake: PartnerCenter::start().await.unwrap(),
            client: Client::builder().redirect(Policy::none()).build().unwrap(),
        }
    }

    /// A fixture with a registration of `test-created`.
    async fn registered() -> Self {
        let fixture = Self::new().await;
        fixture.fake.set_registration(&json!({
            "webhookUrl": "https://partner.example/callback",
            "webhookEvents": ["test-created"],
        }));
        fixture.fake.configure(|quirks| quirks.validation = Validation::Pending);
        fixture
    }

    /// Stops the clock at 2026-11-21T00:00:00Z.
    fn stop_the_clock(&self) {
        let now = OffsetDateTime::from_unix_timestamp(1_795_219_200).unwrap();
        self.fake.set_clock(move || now);
    }

    fn advance(&self, seconds: u64) {
        self.fake.advance(Duration::from_secs(seconds));
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}{path}", self.fake.base_url());
        self.client.request(method, url)
    }

    fn call(&self, method: Method, path: &str) -> RequestBuilder {
        self.request(method, path).bearer_auth(self.fake.access_token())
    }

    fn get(&self, path: &str) -> RequestBuilder {
        self.call(Method::GET, path)
    }

    fn send(&self, method: Method, body: &Value) -> RequestBuilder {
        self.call(method, REGISTRATION)
            .header("content-type", "application/json")
            .body(body.to_string())
    }

    fn validate(&self) -> RequestBuilder {
        // reqwest omits the header for an empty body.
        self.call(Method::POST, VALIDATION).header("content-length", "0")
    }

    /// Requests a token at either endpoint, with some fields changed.
    async fn token(&self, version: &str, changes: &[(&str, &str)]) -> (u16, Value) {
        let fake = &self.fake;
        let (tenant, id, secret) = (fake.tenant_id(), fake.client_id(), fake.client_secret());
        let (refresh, scope) = (fake.refresh_token(), format!("{}/.default", fake.base_url()));
        let mut form = vec![
            ("grant_type", "client_credentials"),
            ("client_id", &id),
            ("client_secret", &secret),
            ("scope", &scope),
            ("resource", fake.base_url()),
            ("refresh_token", &refresh),
        ];
        for (name, value) in changes {
            form.retain(|(field, _)| field != name);
            if !value.is_empty() {
                form.push((name, value));
            }
        }
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request = self
            .request(Method::POST, &format!("/{tenant}/oauth2/{version}token"))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body);
        fetch(request).await
    }
}

async fn fetch(request: RequestBuilder) -> (u16, Value) {
    read(request.send().await.unwrap()).await
}

async fn read(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let body = response.bytes().await.unwrap();
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

fn header<'r>(response: &'r Response, name: &str) -> &'r str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}
