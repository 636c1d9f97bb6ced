//! The control endpoints, for programs in any language.

use partner_center_webhooks::testing::PartnerCenter;
use serde_json::Value;

use super::{MINUTE, pair};

#[tokio::test]
async fn services_in_any_language_can_control_it() {
    let (partner_center, service) = pair().await;
    let url = service_url(&partner_center);
    partner_center.set_registration(&Value::Null);
    let client = reqwest::Client::new();
    let get = async |path: &str| {
        let request = client.get(format!("{}/emulator{path}", partner_center.base_url()));
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    };
    let command = async |line: &str| {
        let url = format!("{}/emulator/commands", partner_center.base_url());
        let response = client.post(url).body(line.to_owned()).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    };
    let (_, configuration) = get("").await;
    let configuration: Value = serde_json::from_str(&configuration).unwrap();
    assert_eq!(configuration["clientSecret"], partner_center.client_secret());
    assert_eq!(get("/anchors.pem").await, (200, partner_center.anchors_pem().unwrap()));
    assert_eq!(get("/intermediates.pem").await, (200, partner_center.intermediates_pem().unwrap()));
    assert_eq!(get("/nothing").await.0, 404);
    let page = client
        .post(format!("{}/emulator/commands", partner_center.base_url()))
        .header("origin", "https://page.example")
        .body("rotate");
    assert_eq!(page.send().await.unwrap().status(), 403);
    // A page whose host resolves to this machine sends no `origin` in same-origin requests.
    for (host, status) in [
        ("page.example", 403),
        ("page.example:80", 403),
        ("127.0.0.1.page.example", 403),
        ("", 403),
        ("a b", 403),
        ("10.0.0.1", 403),
        ("LOCALHOST:1", 200),
        ("127.9.9.9", 200),
        ("[::1]:80", 200),
    ] {
        let request = client.get(format!("{}/emulator", partner_center.base_url()));
        let response = request.header("host", host).send().await.unwrap();
        assert_eq!(response.status(), status, "{host}");
    }

    let none = r#"{"Message":"no webhook URL is registered"}"#.to_owned();
    assert_eq!(command("emit invoice-ready").await, (400, none));
    assert_eq!(
        command(&format!("register {url}")).await,
        (200, format!("registered {url}; number of events: 33"))
    );
    assert_eq!(command("signature-header x-ms-signature").await.0, 200);
    assert_eq!(command("emit invoice-ready").await, (200, "delivery 1".to_owned()));
    assert_eq!(command(r#"emit invoice-ready {"EventName":"test-created","a b":1}"#).await.0, 200);
    partner_center.settled().await;
    assert_eq!(command("rotate").await.0, 200);
    partner_center.advance(MINUTE);
    assert_eq!(command("replay 1").await, (200, "delivery 3".to_owned()));
    assert_eq!(command("forge another-body").await, (200, "delivery 4".to_owned()));
    assert!(command("test").await.1.starts_with("validation event "));
    for (line, reason) in [
        ("forge nonsense", "`nonsense` is not a kind of forgery"),
        ("replay 99", "there is no delivery 99"),
        ("replay x", "`replay` needs a delivery number"),
        ("register /callback", "`/callback` is not an absolute http or https URL"),
        ("register ftp://127.0.0.1/", "`ftp://127.0.0.1/` is not an absolute http or https URL"),
        ("register 127.0.0.1:80", "`127.0.0.1:80` is not an absolute http or https URL"),
        ("rotate twice", "unexpected argument `twice`"),
        ("", "`` is not a command"),
    ] {
        let (status, text) = command(line).await;
        assert!(status == 400 && text.contains(reason), "{line}: {text}");
    }
    partner_center.settled().await;
    let (_, deliveries) = get("/deliveries").await;
    let deliveries: Value = serde_json::from_str(&deliveries).unwrap();
    let outcomes: Vec<_> =
        deliveries.as_array().unwrap().iter().map(|one| &one["outcome"]).collect();
    assert_eq!(outcomes, ["delivered", "delivered", "delivered", "refused", "delivered"]);
    assert_eq!(deliveries[3]["attempts"][0]["status"], 401);
    assert_eq!(service.accepted(), 4);
    assert!(command("deliveries").await.1.lines().count() == 5);
    assert_eq!(command("revoke").await.0, 200);
    assert_eq!(command("down").await.0, 200);
    assert!(client.get(partner_center.certificate_url()).send().await.is_err());
    assert_eq!(command("up").await.0, 200);
    assert_eq!(client.get(partner_center.certificate_url()).send().await.unwrap().status(), 200);
}

fn service_url(partner_center: &PartnerCenter) -> String {
    let registration = partner_center.registration().unwrap();
    registration["webhookUrl"].as_str().unwrap().to_owned()
}
