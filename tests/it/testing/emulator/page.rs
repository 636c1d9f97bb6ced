//! The emulator's page, without a browser. What only a browser can show is in `tests/cli/page.rs`.

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use partner_center_webhooks::testing::PartnerCenter;
use partner_center_webhooks::testing::partner_center::{Forgery, Outcome};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, Response};

use super::{ended, pair, registered};

/// The page of an emulator, as a browser asks for it.
struct Page<'a> {
    partner_center: &'a PartnerCenter,
    client: Client,
}

impl<'a> Page<'a> {
    fn of(partner_center: &'a PartnerCenter) -> Self {
        let client = Client::builder().redirect(Policy::none()).build().unwrap();
        Self { partner_center, client }
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Response {
        let url = format!("{}{path}", self.partner_center.base_url());
        let mut request = self.client.request(method, url).body(body.to_owned());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.unwrap()
    }

    async fn get(&self, query: &str) -> String {
        let path = format!("/emulator/{query}");
        let response = self.send(Method::GET, &path, &[BROWSER], "").await;
        assert_eq!(response.status(), 200);
        response.text().await.unwrap()
    }

    async fn token(&self) -> String {
        between(&self.get("").await, r#"name="token" value=""#, "\"").to_owned()
    }

    /// Sends a form. Returns the page that it leads to.
    async fn post(&self, fields: &[(&str, &str)]) -> String {
        let token = self.token().await;
        let fields = [&[("token", &*token)], fields].concat();
        let response = self.send(Method::POST, "/emulator/", &[FORM], &form(&fields)).await;
        assert_eq!(response.status(), 303);
        let location = response.headers()["location"].to_str().unwrap();
        self.get(location.strip_prefix("/emulator/").unwrap()).await
    }
}

fn form(fields: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

fn between<'t>(text: &'t str, start: &str, end: &str) -> &'t str {
    let (_, rest) = text.split_once(start).unwrap_or_else(|| panic!("no `{start}` in {text}"));
    rest.split_once(end).unwrap().0
}

fn said(page: &str) -> (&str, &str) {
    let said = between(page, r#"<div id="said" role="status">"#, "</div>");
    (said, between(page, r#"<div id="refused" role="alert">"#, "</div>"))
}

/// The numbers of the rows, in order.
fn rows(page: &str) -> Vec<usize> {
    let numbers = page.split(r#"<tr id="d"#).skip(1);
    numbers.map(|rest| rest.split('"').next().unwrap().parse().unwrap()).collect()
}

#[tokio::test]
async fn people_get_a_page_and_programs_get_json() {
    let partner_center = PartnerCenter::start().await.unwrap();
    let page = Page::of(&partner_center);
    for path in ["/", "/emulator"] {
        let response = page.send(Method::GET, path, &[BROWSER], "").await;
        let location = response.headers()["location"].to_str().unwrap();
        assert_eq!((response.status(), location), (StatusCode::SEE_OTHER, "/emulator/"), "{path}");
    }
    for path in ["/emulator", "/emulator/"] {
        for headers in [&[][..], &[("accept", "*/*")], &[("accept", "application/json")]] {
            let response = page.send(Method::GET, path, headers, "").await;
            assert_eq!(response.headers()["content-type"], "application/json; charset=utf-8");
        }
    }
    assert_eq!(page.send(Method::GET, "/", &[], "").await.status(), 401);

    let response = page.send(Method::GET, "/emulator/", &[BROWSER], "").await;
    let headers = response.headers().clone();
    let body = response.text().await.unwrap();
    let policy = headers["content-security-policy"].to_str().unwrap();
    let hash = |element: &str| {
        let content = between(&body, &format!("<{element}>"), &format!("</{element}>"));
        let hash = digest::digest(&digest::SHA256, content.as_bytes());
        format!("sha256-{}", STANDARD.encode(hash))
    };
    assert_eq!(
        policy,
        format!(
            "default-src 'none'; script-src '{}'; style-src '{}'; connect-src 'self'; img-src data:; form-action 'self'; \
             base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'",
            hash("script"),
            hash("style"),
        )
    );
    for (name, value) in [
        ("content-type", "text/html; charset=utf-8"),
        ("x-content-type-options", "nosniff"),
        ("cache-control", "no-store"),
        ("referrer-policy", "same-origin"),
    ] {
        assert_eq!(headers[name], value);
    }
    assert!(body.len() < 40 * 1024, "{}", body.len());
    // Nothing comes from elsewhere, no secret is shown, and the API has seen none of it.
    assert!(!body.contains("src=") && !body.contains("https:"), "{body}");
    assert!(!body.contains(&partner_center.client_secret()));
    assert_eq!(partner_center.requests().len(), 1);
}

#[tokio::test]
async fn other_web_pages_are_refused() {
    let (partner_center, _service) = pair().await;
    let page = Page::of(&partner_center);
    let own = partner_center.base_url();
    let token = page.token().await;
    let rotate = form(&[("token", &token), ("word", "rotate")]);
    type Row<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)], u16);
    let rows: &[Row<'_>] = &[
        // A link from elsewhere leads to the page, and a frame stays empty by its policy.
        ("GET", "/emulator/", &[BROWSER, ("sec-fetch-site", "cross-site")], 200),
        ("GET", "/emulator/", &[BROWSER, ("origin", "https://page.example")], 403),
        ("GET", "/emulator/", &[BROWSER, ("origin", "null")], 403),
        ("GET", "/emulator/", &[BROWSER, ("host", "page.example")], 403),
        ("GET", "/emulator/stream", &[("sec-fetch-site", "cross-site")], 403),
        ("GET", "/emulator/stream", &[("sec-fetch-site", "same-site")], 403),
        ("GET", "/emulator/stream", &[("origin", own)], 403),
        ("GET", "/emulator/deliveries", &[("sec-fetch-site", "cross-site")], 403),
        ("GET", "/emulator/deliveries", &[("sec-fetch-site", "none")], 200),
        ("GET", "/emulator/deliveries", &[("sec-fetch-site", "same-origin")], 200),
        // Another port of this machine is another origin.
        ("POST", "/emulator/", &[FORM, ("origin", "http://127.0.0.1:1")], 403),
        ("POST", "/emulator/", &[FORM, ("origin", "https://page.example")], 403),
        ("POST", "/emulator/", &[FORM, ("origin", "null")], 403),
        (
            "POST",
            "/emulator/",
            &[FORM, ("host", "page.example"), ("origin", "http://page.example")],
            403,
        ),
        ("POST", "/emulator/", &[FORM, ("sec-fetch-site", "cross-site")], 403),
        ("POST", "/emulator/", &[FORM, ("sec-fetch-site", "same-site"), ("origin", own)], 403),
        ("POST", "/emulator/", &[FORM, ("sec-fetch-site", "none")], 403),
        ("POST", "/emulator/", &[FORM, ("sec-fetch-site", "same-origin"), ("origin", own)], 303),
        // Browsers of old and text browsers send neither.
        ("POST", "/emulator/", &[FORM], 303),
        // Commands of programs have no token, so they come from no page at all.
        ("POST", "/emulator/commands", &[("origin", own)], 403),
        ("POST", "/emulator/commands", &[("sec-fetch-site", "same-site")], 403),
    ];
    for (method, path, headers, status) in rows {
        let signer = partner_center.signer().unwrap().certificate_pem();
        let method: Method = method.parse().unwrap();
        let response = page.send(method, path, headers, &rotate).await;
        assert_eq!(response.status(), *status, "{path} {headers:?}");
        let is_rotated = partner_center.signer().unwrap().certificate_pem() != signer;
        assert_eq!(is_rotated, *status == 303, "{path} {headers:?}");
    }
    let wrong = token.replace(|c: char| c.is_ascii_digit(), "x");
    for fields in
        [&[("word", "rotate")][..], &[("token", ""), ("word", "rotate")], &[("token", &wrong)]]
    {
        let response = page.send(Method::POST, "/emulator/", &[FORM], &form(fields)).await;
        assert_eq!(response.status(), 403, "{fields:?}");
    }
    // The token of another run.
    let other = PartnerCenter::start().await.unwrap();
    let response = Page::of(&other).send(Method::POST, "/emulator/", &[FORM], &rotate).await;
    assert_eq!(response.status(), 403);
    assert_eq!(
        response.text().await.unwrap(),
        r#"{"Message":"this page is from an earlier run of the emulator: reload it"}"#
    );
}

#[tokio::test]
async fn a_form_is_a_command_and_leads_back_to_the_page() {
    let (partner_center, service) = pair().await;
    let page = Page::of(&partner_center);
    let shown = page.post(&[("word", "emit"), ("word", "invoice-ready")]).await;
    assert_eq!(said(&shown), ("delivery 1", ""));
    let first = ended(&partner_center, 1).await;
    assert_eq!(first.outcome(), Outcome::Delivered);

    let kept =
        [("view", "show=1&text=invoice&said=7"), ("word", "signature-header x-ms-signature")];
    let shown = page.post(&kept).await;
    assert_eq!(said(&shown), ("the registration is changed", ""));
    assert!(shown.contains(r#"name="view" value="text=invoice&amp;show=1""#), "{shown}");
    assert!(shown.contains("Delivery 1: invoice-ready"));
    assert!(shown.contains(r#"<dd id="signature-place">x-ms-signature</dd>"#));
    assert_eq!(said(&page.get("?said=99").await), ("", ""));

    let shown = page.post(&[("word", "forge"), ("word", "all")]).await;
    assert_eq!(said(&shown), ("deliveries 2, 3, 4, 5, 6, 7, 8, 9", ""));
    partner_center.settled().await;
    let shown = page.get("").await;
    assert!(shown.contains(r#"<dd id="counts">9 · 1 delivered · 8 refused</dd>"#), "{shown}");
    for forgery in Forgery::ALL {
        assert!(shown.contains(&format!(r#"<option value="{forgery}">{forgery}: "#)));
    }
    assert_eq!(shown.matches("As it should be: ").count(), 8);

    for (words, reason) in [
        (&[("word", "fly")][..], "`fly` is not a command"),
        (&[("word", "emit"), ("word", "")], "`emit` needs an event name"),
        (&[("word", "<img>")], "`&lt;img&gt;` is not a command"),
        (&[], "`` is not a command"),
    ] {
        let shown = page.post(words).await;
        assert_eq!(said(&shown), ("", reason));
        assert!(!shown.contains(r#"id="editor""#));
    }

    // A sample is prepared with what it points to, and sent as it was edited.
    let shown =
        page.post(&[("word", "emit"), ("word", "subscription-updated"), ("edit", "yes")]).await;
    let body = between(&shown, "spellcheck=\"false\">\n", "</textarea>");
    let uri = between(body, "&quot;ResourceUri&quot;: &quot;", "&quot;").replace("&#x2f;", "/");
    let bearer = format!("Bearer {}", partner_center.access_token());
    let path = uri.strip_prefix(partner_center.base_url()).unwrap();
    let path = path.replacen("/webhooks", "", 1);
    let response = page.send(Method::GET, &path, &[("authorization", &bearer)], "").await;
    assert_eq!(response.status(), 200, "{uri}");
    let edited = "{\r\n \"EventName\":\"invoice-ready\"}";
    let shown =
        page.post(&[("word", "emit"), ("word", "subscription-updated"), ("word", edited)]).await;
    assert_eq!(said(&shown), ("delivery 10", ""));
    let delivery = ended(&partner_center, 10).await;
    assert_eq!(delivery.body(), "{\n \"EventName\":\"invoice-ready\"}");
    assert_eq!(service.accepted(), 2);
    let shown = page.post(&[("draft", "1")]).await;
    assert!(shown.contains("Edit invoice-ready"), "{shown}");
    // What was typed is not lost with a refusal.
    let typed = r#"{"EventName":"not-registered"}"#;
    let shown = page.post(&[("word", "emit"), ("word", "invoice-ready"), ("word", typed)]).await;
    assert!(said(&shown).1.starts_with("the event `not-registered` is not registered"));
    assert!(
        shown.contains("{&quot;EventName&quot;:&quot;not-registered&quot;}</textarea>"),
        "{shown}"
    );
}

#[tokio::test]
async fn everything_from_outside_is_text() {
    let (partner_center, _service) = pair().await;
    let page = Page::of(&partner_center);
    let hostile = r#"</pre></script></textarea><img src=x onerror='a("b")'>{{ token }}{% for %}"#;
    partner_center.emit_body(hostile).unwrap();
    partner_center.settled().await;
    let mut shown = vec![page.post(&[("draft", "1")]).await];
    let query = form(&[("show", "1"), ("text", hostile), ("outcome", hostile)]);
    shown.push(page.get(&format!("?{query}")).await);
    let line = format!("register {hostile}");
    let shown_again = page.post(&[("word", &line)]).await;
    let (_, refused) = said(&shown_again);
    assert!(refused.starts_with("`&lt;&#x2f;pre&gt;&lt;&#x2f;script&gt;"), "{refused}");
    partner_center
        .set_registration(&serde_json::json!({"webhookUrl": hostile, "webhookEvents": [hostile]}));
    shown.push(page.get("?show=1").await);
    for shown in &shown {
        assert!(!shown.contains("<img") && !shown.contains("onerror='"), "{shown}");
        assert!(shown.contains("&lt;img src=x onerror=&#x27;"), "{shown}");
        assert_eq!(shown.matches("</script>").count(), 1);
        assert!(shown.contains("{{ token }}{% for %}"), "{shown}");
    }
}

#[tokio::test]
async fn a_stream_tells_of_every_change() {
    let (partner_center, _service) = pair().await;
    let page = Page::of(&partner_center);
    let mut stream = page.send(Method::GET, "/emulator/stream", &[], "").await;
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    assert_eq!(stream.headers()["cache-control"], "no-store");
    let first = stream.chunk().await.unwrap().unwrap();
    let first = String::from_utf8(first.to_vec()).unwrap();
    let mut last = first.strip_prefix("retry: 1000\ndata: ").unwrap().to_owned();
    let version = async || between(&page.get("").await, "data-version=\"", "\"").to_owned();
    assert_eq!(last, format!("{}\n\n", version().await));
    // The page that was served tells of no change.
    type Change = fn(&PartnerCenter);
    let changes: &[(&str, Change)] = &[
        ("a rotation", |it| it.rotate().unwrap()),
        ("a revocation", |it| it.revoke().unwrap()),
        ("the host down", PartnerCenter::stop_certificate_host),
        ("the host up", PartnerCenter::start_certificate_host),
        ("a registration", |it| {
            let registration = it.registration().unwrap();
            it.set_registration(&registration);
        }),
        ("a delivery", |it| _ = it.forge(Forgery::NoSignature).unwrap()),
    ];
    for (what, change) in changes {
        change(&partner_center);
        let next = stream.chunk().await.unwrap().unwrap();
        let next = String::from_utf8(next.to_vec()).unwrap();
        assert_ne!(next, format!("data: {last}"), "{what}");
        last = next.strip_prefix("data: ").unwrap().to_owned();
    }
    // Also of the attempt.
    partner_center.settled().await;
    let version = format!("{}\n\n", version().await);
    while last != version {
        let next = stream.chunk().await.unwrap().unwrap();
        last = String::from_utf8(next.to_vec()).unwrap().strip_prefix("data: ").unwrap().to_owned();
    }
    // Another run has other versions, so that a page finds out.
    let other = PartnerCenter::start().await.unwrap();
    let version = between(&Page::of(&other).get("").await, "data-version=\"", "-").to_owned();
    assert!(!last.starts_with(&version));
}

#[tokio::test]
async fn a_delivery_is_shown_with_request_response_and_reason() {
    let partner_center = registered("http://127.0.0.1:1/").await;
    partner_center.configure(|quirks| quirks.delivery_attempts = 1);
    let router = axum::Router::new().route(
        "/callback",
        axum::routing::post(async || {
            let headers = [("x-reason", "<because>")];
            (StatusCode::IM_A_TEAPOT, headers, format!("<b>{}", "x".repeat(9000)))
        }),
    );
    let address = super::serve(router).await;
    super::register(
        &partner_center,
        &format!("http://{address}/callback?a=b"),
        &serde_json::json!({}),
    );
    partner_center.emit_body(r#"{"EventName":"invoice-ready","a":"'"}"#).unwrap();
    partner_center.settled().await;
    let page = Page::of(&partner_center);
    let shown = page.get("?show=1").await;
    for part in [
        "POST &#x2f;callback?a=b HTTP&#x2f;1.1\r\n",
        "accept-encoding: gzip, deflate\r\n",
        &format!("host: {address}\r\ncontent-length: 37\r\n"),
        "x-reason: &lt;because&gt;\r\n",
        "418 I&#x27;m a teapot in ",
        "811 more bytes are not kept.",
        "37 bytes, SHA-256 <code>",
        "given up",
    ] {
        let plain = shown.replace("&#x2f;", "/");
        assert!(plain.contains(&part.replace("&#x2f;", "/")), "{part}: {shown}");
    }
    let response = page.send(Method::GET, "/emulator/deliveries/1.http", &[], "").await;
    assert_eq!(
        response.headers()["content-disposition"],
        "attachment; filename=\"delivery-1.http\""
    );
    let file = response.text().await.unwrap();
    assert!(
        file.starts_with("POST /callback?a=b HTTP/1.1\r\ncontent-type: application/json\r\n"),
        "{file}"
    );
    assert!(
        file.ends_with("content-length: 37\r\n\r\n{\"EventName\":\"invoice-ready\",\"a\":\"'\"}"),
        "{file}"
    );
    for number in ["0", "2", "x"] {
        let path = format!("/emulator/deliveries/{number}.http");
        assert_eq!(page.send(Method::GET, &path, &[], "").await.status(), 404);
    }
    assert!(!page.get("?show=2").await.contains(r#"id="detail""#));
}

#[tokio::test]
async fn rows_are_filtered_and_the_oldest_wait() {
    let (partner_center, _service) = pair().await;
    let page = Page::of(&partner_center);
    for number in 1..=205 {
        partner_center
            .emit_body(format!(r#"{{"EventName":"invoice-ready","n":"<{number}>"}}"#))
            .unwrap();
    }
    partner_center.forge(Forgery::Expired).unwrap();
    partner_center.settled().await;
    let shown = page.get("").await;
    assert_eq!(rows(&shown), (7..=206).rev().collect::<Vec<_>>());
    assert!(shown.contains(r#"<a href="?rows=400">Show older deliveries (6)</a>"#), "{shown}");
    assert_eq!(rows(&page.get("?rows=400").await).len(), 206);
    assert_eq!(rows(&page.get("?outcome=refused").await), [206]);
    assert_eq!(rows(&page.get("?text=expired").await), [206]);
    assert_eq!(rows(&page.get("?text=%3C17%3E&outcome=delivered").await), [17]);
    assert_eq!(rows(&page.get("?text=%3C17%3E&outcome=refused").await), [0; 0]);
    let none = page.get("?text=nothing").await;
    assert!(none.contains("No delivery fits the filter."), "{none}");
}

/// What a browser accepts.
const BROWSER: (&str, &str) = ("accept", "text/html,application/xhtml+xml");
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
