//! The custom handler of Azure Functions, called as the Functions host calls it.

use std::path::Path;

use partner_center_webhooks::testing::PartnerCenter;
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::http::{head, send};
use crate::process::example;
use crate::running::Running;

const BODY: &str = r#"{"EventName":"invoice-ready"}"#;

#[test]
fn a_forwarded_request_is_verified_by_the_signature_in_its_own_header() {
    let runtime = Runtime::new().unwrap();
    let partner_center = runtime.block_on(PartnerCenter::start()).unwrap();
    let mut command = example("azure_functions");
    command.env("FUNCTIONS_CUSTOMHANDLER_PORT", "0").env("EMULATOR", partner_center.base_url());
    let mut handler = Running::spawn(&mut command);

    let callback = partner_center
        .signer()
        .unwrap()
        .callback(BODY)
        .unwrap()
        .in_signature_header()
        .with_header("authorization", b"Bearer of-the-platform")
        .unwrap();
    let length = format!("content-length: {}\r\n", BODY.len());
    let request = |path: &str, body: &str| {
        let head = head(&callback, &length).replace("/webhooks/callback", path);
        send(handler.address, format!("{head}{body}").as_bytes())
    };
    assert_eq!(request("/api/callback", &BODY.replace("ready", "READY")).status, 401);
    assert_eq!(request("/webhooks/callback", BODY).status, 404);
    let response = request("/api/callback", BODY);
    assert_eq!((response.status, &*response.body), (200, ""));
    assert!(handler.line().starts_with("invoice-ready "));
}

#[test]
fn the_files_beside_it_fit() {
    let read = |name: &str| -> Value {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/azure_functions");
        serde_json::from_slice(&std::fs::read(folder.join(name)).unwrap()).unwrap()
    };
    let host = read("host.json");
    assert_eq!(host["customHandler"]["enableForwardingHttpRequest"], true);
    assert_eq!(host["customHandler"]["description"]["defaultExecutablePath"], "azure_functions");
    let trigger = &read("callback/function.json")["bindings"][0];
    assert_eq!(
        (&trigger["type"], &trigger["authLevel"]),
        (&"httpTrigger".into(), &"anonymous".into())
    );
}
