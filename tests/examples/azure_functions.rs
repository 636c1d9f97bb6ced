//! The custom handler of Azure Functions, called as the Functions host calls it.

use std::path::Path;

use serde_json::Value;

use crate::http::{head, send, serve};
use crate::microsoft::{BODY, ISSUER, SIGNER, body_on_one_line};
use crate::process::{Directory, example, run};
use crate::running::Running;

#[test]
fn a_forwarded_request_is_verified_by_the_signature_in_its_own_header() {
    let directory = Directory::new();
    let host = serve(|_| Some(SIGNER.certificate().to_vec()));
    let mut command = example("azure_functions");
    command
        .env("FUNCTIONS_CUSTOMHANDLER_PORT", "0")
        .args(["--anchors", &directory.write("anchors.pem", ISSUER.root_pem())])
        .args(["--intermediates", &directory.write("ca.pem", ISSUER.intermediate_pem())])
        .args(["--danger-certificate-location", &format!("{host}cert/")]);
    let mut handler = Running::spawn(&mut command);

    let callback = SIGNER
        .clone()
        .with_certificate_url(format!("{host}cert/a.cer"))
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
    assert_eq!(request("/api/callback", &BODY.replace("1.50", "1.51")).status, 401);
    assert_eq!(request("/webhooks/callback", BODY).status, 404);
    let answer = request("/api/callback", BODY);
    assert_eq!((answer.status, &*answer.body), (200, ""));
    assert!(handler.line().contains(&body_on_one_line()));
    handler.signal("TERM");
    assert_eq!(handler.end().code, Some(0));
}

#[test]
fn the_port_is_the_hosts_to_choose() {
    let help = |port: &str| {
        let mut command = example("azure_functions");
        let output = command.env("FUNCTIONS_CUSTOMHANDLER_PORT", port).arg("--help").output();
        String::from_utf8(output.unwrap().stdout).unwrap()
    };
    assert!(help("49321").contains("Default: 127.0.0.1:49321."));
    assert!(run("azure_functions", &["--help"]).stdout.contains("Default: 127.0.0.1:8080."));
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
