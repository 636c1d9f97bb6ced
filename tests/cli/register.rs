//! `register`, with a fake Partner Center behind it.

use http::Method;
use partner_center_webhooks::testing::Issuer;
use partner_center_webhooks::testing::partner_center::{
    ErrorBody, Fault, PartnerCenter, Validation, samples,
};
use serde_json::json;
use tokio::runtime::Runtime;

use crate::process::{Directory, Ended, program};

const URL: &str = "https://contoso.example/webhooks/callback";

/// A fake, and the runtime that it lives on.
struct Scene {
    runtime: Runtime,
    partner_center: PartnerCenter,
    environment: Vec<(&'static str, String)>,
}

impl Scene {
    fn new() -> Self {
        let runtime = Runtime::new().unwrap();
        let partner_center = runtime.block_on(PartnerCenter::start()).unwrap();
        let environment = vec![
            ("PARTNER_CENTER_TENANT_ID", partner_center.tenant_id()),
            ("PARTNER_CENTER_CLIENT_ID", partner_center.client_id()),
            ("PARTNER_CENTER_CLIENT_SECRET", partner_center.client_secret()),
        ];
        Self { runtime, partner_center, environment }
    }

    fn run(&self, arguments: &[&str]) -> Ended {
        let _guard = self.runtime.enter();
        let output = program()
            .arg("register")
            .args(arguments)
            .env_remove("AZURE_FEDERATED_TOKEN_FILE")
            .env("PARTNER_CENTER_BASE_URL", self.partner_center.base_url())
            .envs(self.environment.iter().map(|(name, value)| (*name, &**value)))
            .output()
            .unwrap();
        output.into()
    }

    /// Runs what must succeed.
    fn says(&self, arguments: &[&str]) -> String {
        let ended = self.run(arguments);
        assert_eq!((ended.code, &*ended.stderr), (Some(0), ""), "{arguments:?}");
        ended.stdout
    }
}

#[test]
fn from_nothing_to_a_tested_registration() {
    let scene = Scene::new();
    assert_eq!(scene.says(&["show"]), "nothing is registered\n");
    assert!(scene.says(&["events"]).lines().any(|line| line == "azure-fraud-event-detected"));

    let ensure = ["ensure", "--url", URL, "--event", "test-created", "--event", "invoice-ready"];
    let planned = format!("register `{URL}` for test-created, invoice-ready\n");
    assert_eq!(scene.says(&[&ensure[..], &["--dry-run"]].concat()), planned);
    assert_eq!(scene.partner_center.registration(), None);
    assert_eq!(scene.says(&ensure), planned);
    assert_eq!(scene.says(&ensure), "nothing to change\n");
    assert_eq!(
        scene.says(&["ensure", "--url", URL, "--event", "referral-created", "--ms-signature"]),
        "update the registration: add referral-created, the signature in x-ms-signature\n"
    );
    assert_eq!(
        scene.says(&["show"]),
        format!(
            "callbacks go to {URL}\nthe signature comes in x-ms-signature\n  test-created\n  invoice-ready\n  referral-created\n"
        )
    );

    let validation = Validation::completed(1);
    scene.partner_center.configure(|quirks| quirks.validation = validation);
    let ended = scene.run(&["test", "--wait"]);
    assert_eq!(ended.code, Some(0));
    let lines: Vec<_> = ended.stdout.lines().collect();
    assert!(lines[0].starts_with("asked for test event "), "{lines:?}");
    assert_eq!(ended.stderr, "submitted, 0 attempts\ncompleted, 1 attempt: OK\n");
    assert!(lines[1].contains(" OK"), "{lines:?}");
    assert_eq!(lines[2..], ["the callback accepted it"]);

    let validation = Validation::failed(0);
    scene.partner_center.configure(|quirks| quirks.validation = validation);
    let ended = scene.run(&["test", "--wait", "--timeout", "20s"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stdout.ends_with("the callback did not accept it\n"), "{ended:?}");
}

#[test]
fn an_event_is_followed() {
    let scene = Scene::new();
    let (path, customer) = samples::customer("4cfba01c-47d4-4b91-9559-740129e7352b");
    let uri = format!("{}{path}", scene.partner_center.base_url());
    scene.partner_center.put_resource(path, customer);
    let directory = Directory::new();
    let event = json!({"EventName": "x", "ResourceUri": uri});
    let file = directory.write("event.json", event.to_string());
    let said = scene.says(&["fetch", &file]);
    assert!(said.contains("Wingtip Toys"), "{said}");

    let ended = scene.run(&["fetch", &file, "--audit"]);
    assert_eq!(ended.code, Some(1));
    assert_eq!(ended.stderr, "error: the event does not name an audit record\n");
    let event = json!({"EventName": "x", "ResourceUri": "https://evil.example/v1/customers/1"});
    let ended = scene.run(&["fetch", &directory.write("event.json", event.to_string())]);
    assert!(
        ended.stderr.contains("`https://evil.example/v1/customers/1` is not called"),
        "{ended:?}"
    );
}

const GDAP_EVENT: &str = r#"{"EventName":"granular-admin-relationship-approved","ResourceUri":"https://partner.microsoft.com/granularAdminRelationships/33333333-3333-3333-3333-333333333333-44444444-4444-4444-4444-444444444444","ResourceName":"GranularAdminRelationship","AuditUri":null,"ResourceChangeUtcDate":"2026-01-12T14:44:18.627854+00:00"}"#;
const REFERRAL_EVENT: &str = r#"{"EventName":"referral-created","ResourceUri":"https://api.partner.microsoft.com/v1.0/engagements/referrals/22222222-2222-2222-2222-222222222222","ResourceName":"referral","AuditUri":null,"ResourceChangeUtcDate":"2026-01-12T14:44:18.627854+00:00"}"#;

#[test]
fn events_are_followed_to_graph_and_to_referrals() {
    let mut scene = Scene::new();
    scene.partner_center.configure(|quirks| quirks.app_only_refused = false);
    let relationship = "33333333-3333-3333-3333-333333333333-44444444-4444-4444-4444-444444444444";
    scene.partner_center.put_resource(
        format!("/graph/v1.0/tenantRelationships/delegatedAdminRelationships/{relationship}"),
        json!({"displayName": "Wingtip Toys"}),
    );
    scene.partner_center.put_resource(
        "/referrals/v1.0/engagements/referrals/22222222-2222-2222-2222-222222222222",
        json!({"status": "New"}),
    );
    let directory = Directory::new();
    let gdap = directory.write("gdap.json", GDAP_EVENT);
    let referral = directory.write("referral.json", REFERRAL_EVENT);
    assert_eq!(scene.says(&["fetch", &gdap]), "{\"displayName\":\"Wingtip Toys\"}\n");
    assert_eq!(scene.says(&["fetch", &referral]), "{\"status\":\"New\"}\n");
    // The scope of another application is not one of the fake's.
    let arguments = ["fetch", &referral, "--referrals-scope", "api://other/.default"];
    assert_eq!(scene.run(&arguments).code, Some(4));
    let scopes: Vec<_> = scene
        .partner_center
        .requests()
        .iter()
        .flat_map(|request| request.form())
        .filter(|(name, _)| name == "scope")
        .map(|(_, scope)| scope.replace(scene.partner_center.base_url(), ""))
        .collect();
    assert_eq!(scopes[..3], ["/graph/.default", "/referrals/.default", "api://other/.default"]);

    // An access token is for one API: it is shown to no other.
    let token = scene.partner_center.access_token();
    scene.environment = vec![("PARTNER_CENTER_ACCESS_TOKEN", token)];
    let before = scene.partner_center.requests().len();
    for (file, host, method) in [
        (&gdap, "Microsoft Graph", "with_graph"),
        (&referral, "the referrals API", "with_referrals"),
    ] {
        let ended = scene.run(&["fetch", file]);
        assert_eq!(
            (ended.code, ended.stderr),
            (
                Some(4),
                format!(
                    "error: the resource is read from {host}, and the client has no token provider for it: this is not a missing \
                     permission in Entra, but a missing call to `ResourceClient::{method}` in the program\n  because: set \
                     PARTNER_CENTER_GRAPH_TOKEN or PARTNER_CENTER_REFERRALS_TOKEN, or the variables of an application\n"
                )
            )
        );
    }
    assert_eq!(scene.partner_center.requests().len(), before);

    // The service refuses a token that is not one of its own.
    for variable in ["PARTNER_CENTER_GRAPH_TOKEN", "PARTNER_CENTER_REFERRALS_TOKEN"] {
        scene.environment.push((variable, "of-another-audience".to_owned()));
    }
    for file in [&gdap, &referral] {
        let ended = scene.run(&["fetch", file]);
        assert_eq!(ended.code, Some(4));
        assert!(ended.stderr.contains("returned 401"), "{ended:?}");
    }
}

#[test]
fn a_refresh_token_is_replaced_in_its_file() {
    let mut scene = Scene::new();
    let directory = Directory::new();
    let first = scene.partner_center.refresh_token();
    let file = directory.write("refresh-token", format!("{first}\n"));
    scene.environment.push(("PARTNER_CENTER_REFRESH_TOKEN_FILE", file.clone()));
    scene.says(&["show"]);
    let second = std::fs::read_to_string(&file).unwrap();
    assert!(!second.is_empty() && second != first);
    scene.says(&["show"]);
    let used: Vec<_> =
        scene.partner_center.requests().iter().flat_map(|request| request.form()).collect();
    assert!(used.contains(&("refresh_token".to_owned(), second)));
}

#[test]
fn an_application_without_a_secret() {
    let mut scene = Scene::new();
    let directory = Directory::new();
    scene.environment.retain(|(name, _)| *name != "PARTNER_CENTER_CLIENT_SECRET");

    let file = directory.write("token", "federated");
    scene.partner_center.trust_federated_token("federated");
    scene.environment.push(("AZURE_FEDERATED_TOKEN_FILE", file));
    assert_eq!(scene.says(&["show"]), "nothing is registered\n");

    let signer = Issuer::new().unwrap().signer().unwrap();
    let key = signer.private_key_pem().unwrap();
    let file = directory.write("application.pem", key.clone() + &signer.certificate_pem());
    scene.partner_center.trust_certificate(signer.certificate());
    let certificate = "PARTNER_CENTER_CLIENT_CERTIFICATE_FILE";
    scene.environment.push((certificate, file));
    assert_eq!(scene.says(&["show"]), "nothing is registered\n");
    let file = directory.write("key.pem", key);
    scene.environment.push((certificate, file.clone()));
    let ended = scene.run(&["show"]);
    assert_eq!(
        ended.stderr,
        format!(
            "error: --client-certificate-file {file}: the certificate cannot be read (expected one X.509 certificate in \
             DER, or PEM with a `CERTIFICATE` block; a PKCS#12 file, `.pfx` or `.p12`, must be converted to PEM)\n"
        )
    );

    scene.partner_center.make_client_public();
    let file = directory.write("refresh-token", scene.partner_center.refresh_token());
    scene.environment.drain(2..);
    scene.environment.push(("PARTNER_CENTER_REFRESH_TOKEN_FILE", file));
    assert_eq!(scene.says(&["show"]), "nothing is registered\n");
}

#[test]
fn what_is_missing_is_named() {
    let mut scene = Scene::new();
    for (variable, what) in [
        ("PARTNER_CENTER_CLIENT_SECRET", "a secret of that application"),
        ("PARTNER_CENTER_TENANT_ID", "the tenant of the partner: its id or a domain name"),
    ] {
        scene.environment.retain(|(name, _)| *name != variable);
        scene.environment.push((variable, String::new()));
        let ended = scene.run(&["show"]);
        assert_eq!(
            ended.stderr,
            format!(
                "error: {variable} is not set ({what})\n  because: the API wants an application, or an access token in \
                 PARTNER_CENTER_ACCESS_TOKEN\n  try: partner-center register --help\n"
            )
        );
        assert_eq!(ended.code, Some(4));
    }
    let token = scene.partner_center.access_token();
    scene.environment = vec![("PARTNER_CENTER_ACCESS_TOKEN", token)];
    assert_eq!(scene.says(&["show"]), "nothing is registered\n");
}

#[test]
fn a_refusal_is_shown_whole_and_a_bad_command_line_is_refused() {
    let scene = Scene::new();
    let body =
        ErrorBody::Standard { code: "900150".into(), description: "The role lacks rights.".into() };
    scene.partner_center.inject_on(Method::GET, "/webhooks", Fault::status(403, &body));
    let ended = scene.run(&["show"]);
    assert_eq!((ended.code, &*ended.stdout), (Some(4), ""));
    assert!(
        ended.stderr.starts_with(
            "error: get registration: returned 403 Forbidden, code 900150: The role lacks rights."
        ),
        "{ended:?}"
    );
    for (arguments, said) in [
        (&["ensure"][..], "--url is missing\n  because: nothing is registered yet\n"),
        (
            &["ensure", "--url", "http://contoso.example"],
            "--url: `http://contoso.example` is not a callback URL that can be registered (expected https; for tests, see `Registration::danger_plain_http`)\n",
        ),
        (&["show", "--wait"], "unexpected argument '--wait' found\n"),
        (&["show", "--referrals-scope", "x"], "unexpected argument '--referrals-scope' found\n"),
        (&["test", "--event", "x"], "unexpected argument '--event' found\n"),
        (&["fetch"], "<FILE> is missing\n"),
        (&["show", "more"], "unexpected argument 'more' found\n"),
        (&[], "a command is missing\n"),
        (
            &["show", "--cloud", "mars"],
            "invalid value 'mars' for '--cloud <CLOUD>'\n  because: expected one of: global, us-government, china\n",
        ),
        (
            &["ensure", "--ms-signature", "--authorization"],
            "the argument '--ms-signature' cannot be used with",
        ),
        (
            &["ensure", "--url", URL, "--event", "invoce-ready", "--dry-run"],
            "no event `invoce-ready`\n  try: partner-center register ensure --event invoice-ready\n",
        ),
    ] {
        let ended = scene.run(arguments);
        assert!(ended.stderr.starts_with(&format!("error: {said}")), "{}", ended.stderr);
        assert_eq!((ended.code, &*ended.stdout), (Some(2), ""));
    }
    let unknown =
        ["ensure", "--url", URL, "--event", "tomorrows", "--allow-unknown-event", "--dry-run"];
    assert_eq!(scene.says(&unknown), format!("register `{URL}` for tomorrows\n"));
}

#[test]
fn what_the_network_does_not_say_is_not_a_no() {
    let scene = Scene::new();
    let ended: Ended = program()
        .args(["register", "show"])
        .env_remove("AZURE_FEDERATED_TOKEN_FILE")
        .env("PARTNER_CENTER_BASE_URL", "http://127.0.0.1:1")
        .envs(scene.environment.iter().map(|(name, value)| (*name, &**value)))
        .output()
        .unwrap()
        .into();
    assert_eq!((ended.code, &*ended.stdout), (Some(3), ""));
    assert!(!ended.stderr.contains(&scene.partner_center.client_secret()));
}
