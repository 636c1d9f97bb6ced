//! `event-grid forward`: from a callback to its customer's channel in a fake namespace. It is stopped with a signal, so these
//! tests are for Unix.

use partner_center_webhooks::testing::event_grid::Fault;
use partner_center_webhooks::testing::{EventGrid, SignedRequest, Signer};
use serde_json::json;
use tokio::runtime::Runtime;

use crate::http::{post, serve};
use crate::microsoft::{BODY, ISSUER, SIGNER, body_on_one_line, sha256};
use crate::process::{Directory, Ended, program};
use crate::running::Running;

const FABRIKAM: &str = "4b2a6e33-8791-4386-bd2b-0d55baf25039";
const WINGTIP: &str = "0d5d6a4c-5a2e-4e0e-8a7c-6f4f0a6f0d11";
const MIGRATING: &str = "22222222-2222-2222-2222-222222222222";
const STRANGER: &str = "9f1c2b7e-2d63-4b1c-8f50-3d7b5d1a8e22";

struct Scene {
    _runtime: Runtime,
    grid: EventGrid,
    directory: Directory,
    signer: Signer,
    certificates: String,
}

impl Scene {
    fn new() -> Self {
        let runtime = Runtime::new().unwrap();
        let host = serve(|_| Some(SIGNER.certificate().to_vec()));
        let certificates = format!("{host}cert/");
        let signer = SIGNER.clone();
        Self {
            grid: runtime.block_on(EventGrid::start()).unwrap(),
            _runtime: runtime,
            directory: Directory::new(),
            signer: signer.with_certificate_url(format!("{certificates}a.cer")),
            certificates,
        }
    }

    fn forward(&self, others: &str, key: &str) -> Running {
        let customers = format!(
            "# tenant and channel\n\n{FABRIKAM} fabrikam # since May\n{WINGTIP}\twingtip\n{MIGRATING} migrating"
        );
        let mut command = program();
        command
            .args([
                "event-grid",
                "forward",
                "--danger-plain-http",
                "--endpoint",
                self.grid.endpoint(),
            ])
            .args(["--customers", &self.directory.write("customers.txt", customers)])
            .args(["--others", others, "--listen", "127.0.0.1:0"])
            .args(["--anchors", &self.directory.write("root.pem", ISSUER.root_pem())])
            .args(["--intermediates", &self.directory.write("ca.pem", ISSUER.intermediate_pem())])
            .args(["--danger-certificate-location", &self.certificates])
            .env("EVENT_GRID_KEY", key);
        Running::spawn(&mut command)
    }

    fn callback(&self, body: &str) -> SignedRequest {
        self.signer.callback(body.to_owned()).unwrap()
    }

    /// The channel of each event that was accepted, and the customer or name in it.
    fn accepted(&self) -> Vec<(String, String)> {
        let accepted = self.grid.accepted();
        let accepted = accepted.iter().map(|accepted| {
            let id = accepted.event()["id"].as_str().unwrap().to_owned();
            (accepted.channel().unwrap().to_owned(), id)
        });
        accepted.collect()
    }
}

fn to(channel: &str, body: &str) -> (String, String) {
    (channel.to_owned(), sha256(body))
}

#[test]
fn each_event_goes_to_the_channel_of_its_customer_and_to_no_other() {
    let scene = Scene::new();
    let forward = scene.forward("contoso-own", &scene.grid.access_key());
    let status = |callback: &SignedRequest| post(forward.address, callback).status;
    let of = |customer| BODY.replace(FABRIKAM, customer);
    // Who says two things about the customer is believed in neither.
    let audit = format!(
        r#""https://api.partnercenter.microsoft.com/auditactivity/v1/auditrecords/60d5c4bb-f78a-4200-a002-953d7cc1f5f8_{WINGTIP}_x_638331855840159088""#
    );
    let ambiguous = BODY.replacen("null", &audit, 1);
    let by_audit =
        format!(r#"{{"EventName":"dap-admin-relationship-approved","AuditUri":{audit}}}"#);
    let own = r#"{"EventName":"invoice-ready"}"#;
    // Kinds of resources that are seldom or not known, below a customer.
    let schedule = r#"{"EventName":"new-commerce-migration-failed","ResourceUri":"https://api.partnercenter.microsoft.com/v1/customers/22222222-2222-2222-2222-222222222222/migrations/newcommerce/schedules/44444444-4444-4444-4444-444444444444","ResourceName":"newCommerceMigrationSchedule","AuditUri":null,"ResourceChangeUtcDate":"2026-01-12T14:44:18.627854+00:00"}"#;
    let below = |path: &str| {
        format!(
            r#"{{"EventName":"x","ResourceUri":"https://api.partnercenter.microsoft.com/{path}"}}"#
        )
    };
    let relationships = below(&format!("v1/customers/{FABRIKAM}/relationships"));
    let usage = below(&format!("webhooks/v1/CUSTOMERS/{WINGTIP}/usageSummary"));
    let brand_new = below(&format!("v1/customers/{WINGTIP}/brand/new"));
    let no_tenant = below("v1/customers/fabrikam/brand/new");
    let bodies = [
        (BODY, "fabrikam"),
        (&of(WINGTIP), "wingtip"),
        (&of(&WINGTIP.to_uppercase()), "wingtip"),
        (&of(STRANGER), "contoso-own"),
        (&ambiguous, "contoso-own"),
        (&by_audit, "wingtip"),
        (own, "contoso-own"),
        (schedule, "migrating"),
        (&relationships, "fabrikam"),
        (&usage, "wingtip"),
        (&brand_new, "wingtip"),
        (&no_tenant, "contoso-own"),
    ];
    for (body, _) in bodies {
        let answer = post(forward.address, &scene.callback(body));
        assert_eq!((answer.status, &*answer.body), (200, ""), "{body}");
    }
    let expected: Vec<_> = bodies.iter().map(|(body, channel)| to(channel, body)).collect();
    assert_eq!(scene.accepted(), expected);

    let event = scene.grid.accepted()[0].event().clone();
    assert_eq!(
        event,
        json!({
            "specversion": "1.0",
            "id": sha256(BODY),
            "source": "https://api.partnercenter.microsoft.com/webhooks/v1",
            "type": "Microsoft.PartnerCenter.subscription-updated",
            "subject": format!("https://api.partnercenter.microsoft.com/v1/customers/{FABRIKAM}/subscriptions/a4f1340d-6911-4758-bba3-0c6c6007d161"),
            "time": "2026-08-21T16:44:18.6278540+02:00",
            "datacontenttype": "application/json",
            "data": serde_json::from_str::<serde_json::Value>(BODY).unwrap(),
        })
    );

    // The refusing twins: nothing of them is published.
    let genuine = scene.callback(BODY);
    assert_eq!(status(&genuine.clone().with_body(body_on_one_line())), 401);
    assert_eq!(status(&genuine.clone().without_header("authorization")), 401);
    // Repeated deliveries are answered, and published no more.
    assert_eq!(status(&genuine), 200);
    assert_eq!(scene.accepted().len(), bodies.len());

    forward.signal("INT");
    assert_eq!(forward.end().code, Some(0));
}

#[test]
fn nothing_is_acknowledged_before_it_is_accepted() {
    let scene = Scene::new();
    let forward = scene.forward("none", &scene.grid.access_key());
    let status = |body: &str| post(forward.address, &scene.callback(body)).status;
    let channels = |names: &[&str]| {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        scene.grid.configure(|settings| settings.channels = Some(names));
    };

    channels(&["wingtip"]);
    assert_eq!((status(BODY), status(BODY)), (503, 503));
    forward.wait_for_log(
        "not accepted; Partner Center delivers it again: 1 of 1 events were not accepted; event 0",
    );
    assert_eq!(scene.accepted(), []);
    channels(&["wingtip", "fabrikam"]);
    // Accepted at the second attempt within one callback, with the same id.
    scene.grid.inject(Fault::Drop);
    assert_eq!((status(BODY), status(BODY)), (200, 200));
    assert_eq!(scene.accepted(), [to("fabrikam", BODY)]);

    // Of a customer that has no channel.
    let stranger = BODY.replace(FABRIKAM, STRANGER);
    assert_eq!(status(&stranger), 200);
    forward.wait_for_log("about no customer with a channel, and not published");
    assert_eq!(scene.accepted().len(), 1);

    scene.grid.regenerate_keys();
    assert_eq!(status(&BODY.replace(FABRIKAM, WINGTIP)), 503);
    forward.wait_for_log("returned 401 Unauthorized");

    // As systemd and containers stop it.
    forward.signal("TERM");
    assert_eq!(forward.end().code, Some(0));
}

#[test]
fn what_can_never_be_published_is_told_so() {
    let scene = Scene::new();
    let forward = scene.forward("contoso-own", &scene.grid.access_key());
    let status = |body: &str| post(forward.address, &scene.callback(body)).status;
    let never = "not accepted, and no retry will help: inform the customer about the resource by other means: 1 of 1 events were not accepted; event 0";
    // A name with a control character, and data that nests too deeply.
    let uri = "https://api.partnercenter.microsoft.com/v1/invoices/D1";
    let unnamed =
        format!(r#"{{"EventName":"invoice\u0007ready","ResourceUri":"{uri}?code=SECRETSECRET"}}"#);
    let deep = format!("{}{}", "[".repeat(125), "]".repeat(125));
    let deep = format!(r#"{{"EventName":"invoice-ready","more":{deep}}}"#);
    for (body, reason) in [
        (&unnamed, r"attribute `type` is `Microsoft.PartnerCenter.invoice\x07ready`"),
        (&deep, "the data is nested too deeply"),
    ] {
        // Nobody kept it, so it is not acknowledged, however often it comes.
        assert_eq!((status(body), status(body)), (503, 503));
        forward.wait_for_log(never);
        forward.wait_for_log(reason);
    }
    forward.wait_for_log(&format!("{uri}?code=..."));
    assert!(!forward.log().contains("SECRETSECRET"), "{}", forward.log());
    assert_eq!(scene.grid.requests().len(), 0);
}

#[test]
fn faults_of_the_command_line_end_with_exit_code_2() {
    let directory = Directory::new();
    let endpoint = "https://contoso.westeurope-1.eventgrid.azure.net/api/events";
    let run = |arguments: &[&str]| -> Ended {
        let mut command = program();
        command.env("EVENT_GRID_KEY", "bm8=").args(["event-grid", "forward"]).args(arguments);
        command.output().unwrap().into()
    };
    let file = |text: &str| directory.write("customers.txt", text);
    for (text, fault) in [
        ("fabrikam", "line 1: expected a tenant id and a channel"),
        ("\nfabrikam fabrikam", "line 2: `fabrikam` is not a tenant id"),
        (&format!("{FABRIKAM} a/b"), "line 1: `a/b` is not a channel name"),
        (
            &format!("{FABRIKAM} own"),
            "line 1: channel `own` belongs to another line or to --others",
        ),
        (
            &format!("{FABRIKAM} one\n{WINGTIP} One"),
            "line 2: channel `One` belongs to another line or to --others",
        ),
        (
            &format!("{FABRIKAM} one\n{} two", FABRIKAM.to_uppercase()),
            "line 2: customer 4b2a6e33-8791-4386-bd2b-0d55baf25039 already has a channel",
        ),
    ] {
        let customers = file(text);
        let ended = run(&["--endpoint", endpoint, "--customers", &customers, "--others", "own"]);
        assert_eq!((ended.code, &*ended.stdout), (Some(2), ""), "{text}");
        let expected = format!("error: --customers {customers}: {fault}");
        assert!(ended.stderr.starts_with(&expected), "{}", ended.stderr);
    }
    let customers = file("");
    for (arguments, fault) in [
        (&[][..], "--endpoint <URL> --customers <FILE> --others <NAME> is missing"),
        (&["--endpoint", endpoint], "--customers <FILE> --others <NAME> is missing"),
        (&["--endpoint", endpoint, "--others", "none"], "--customers <FILE> is missing"),
        (
            &["--endpoint", "https://a.example", "--others", "none", "--customers", &customers],
            "--endpoint: `https://a.example` has the path `/`",
        ),
        (
            &[
                "--endpoint",
                "https://user:s3/cret@a.example/api/events",
                "--others",
                "none",
                "--customers",
                &customers,
            ],
            "--endpoint: `https://...@a.example/api/events` is not an endpoint",
        ),
        (
            &[
                "--endpoint",
                endpoint,
                "--others",
                "none",
                "--customers",
                &customers,
                "--danger-certificate-location",
                "a.example/cert/?s3cret",
            ],
            "--danger-certificate-location: `a.example/cert/?...` cannot be an allowed URL prefix",
        ),
        (&["--unknown"], "unexpected argument '--unknown' found"),
    ] {
        let ended = run(arguments);
        assert_eq!(ended.code, Some(2), "{arguments:?}");
        assert!(ended.stderr.starts_with(&format!("error: {fault}")), "{}", ended.stderr);
    }
    let ended = run(&["--help"]);
    assert_eq!((ended.code, &*ended.stderr), (Some(0), ""));
}
