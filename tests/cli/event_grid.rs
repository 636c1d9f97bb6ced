//! `event-grid`, with a fake namespace behind it.

use partner_center_webhooks::testing::EventGrid;
use partner_center_webhooks::testing::event_grid::{ErrorBody, Fault};
use tokio::runtime::Runtime;

use crate::process::{Directory, Ended, program};

const EVENT: &str =
    r#"{"specversion":"1.0","id":"1","source":"/contoso","type":"Contoso.Items.Created"}"#;

struct Scene {
    _runtime: Runtime,
    fake: EventGrid,
    directory: Directory,
}

impl Scene {
    fn new() -> Self {
        let runtime = Runtime::new().unwrap();
        Self {
            fake: runtime.block_on(EventGrid::start()).unwrap(),
            _runtime: runtime,
            directory: Directory::new(),
        }
    }

    fn file(&self, name: &str, text: &str) -> String {
        self.directory.write(name, text)
    }

    fn publish(&self, arguments: &[&str], credential: (&str, &str)) -> Ended {
        self.run("publish", arguments, credential)
    }

    fn run(&self, command: &str, arguments: &[&str], (variable, value): (&str, &str)) -> Ended {
        let mut program = program();
        for name in ["EVENT_GRID_KEY", "EVENT_GRID_SAS", "EVENT_GRID_TOKEN", "AZURE_TENANT_ID"] {
            program.env_remove(name);
        }
        let output = program
            .args(["event-grid", command, "--danger-plain-http"])
            .args(arguments)
            .env("PARTNER_CENTER_ENDPOINT", self.fake.endpoint())
            .env(variable, value)
            .output()
            .unwrap();
        output.into()
    }
}

#[test]
fn with_every_credential() {
    let scene = Scene::new();
    let one = scene.file("one.json", EVENT);
    let two = scene.file("two.json", &format!("[{EVENT},{EVENT}]"));
    let key = scene.fake.access_key();
    let signed = scene.run("sign", &["--for", "1h"], ("EVENT_GRID_KEY", &key));
    assert_eq!(signed.code, Some(0), "{}", signed.stderr);
    let sas = signed.stdout.trim();
    let token = scene.fake.access_token();
    for credential in
        [("EVENT_GRID_KEY", &*key), ("EVENT_GRID_SAS", sas), ("EVENT_GRID_TOKEN", &token)]
    {
        let ended = scene.publish(&["--channel", "fabrikam", &one, &two], credential);
        assert_eq!(
            (ended.code, &*ended.stdout, &*ended.stderr),
            (Some(0), "accepted 3 events in 1 requests\n", "")
        );
    }
    assert_eq!(scene.fake.accepted().len(), 9);
    scene.fake.configure(|settings| settings.route_by_source = true);
    let ended = scene.publish(&["--by-source", &one], ("EVENT_GRID_KEY", &key));
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
}

#[test]
fn what_is_not_accepted_is_told() {
    let scene = Scene::new();
    let bad = EVENT.replace('}', r#","Bad_Name":1}"#);
    let file = scene.file("events.json", &format!("[{EVENT},{bad}]"));
    let key = scene.fake.access_key();
    let ended = scene.publish(&["--channel", "fabrikam", &file], ("EVENT_GRID_KEY", &key));
    assert_eq!((ended.code, &*ended.stderr), (Some(1), ""));
    assert!(
        ended.stdout.starts_with(
            "accepted 1 events in 1 requests\nnot accepted: `1`: the event does not conform to CloudEvents 1.0: `Bad_Name`"
        ),
        "{}",
        ended.stdout
    );
    let ended = scene.publish(&["--channel", "fabrikam", &file], ("EVENT_GRID_KEY", "bm8="));
    assert_eq!(ended.code, Some(1));
    assert!(ended.stdout.contains("returned 401 Unauthorized"), "{}", ended.stdout);

    // At the second attempt the key is refused; at the first there was no answer, so nobody knows.
    scene.fake.inject(Fault::DropAfter);
    let refused = ErrorBody::Azure {
        code: "Unauthorized".into(),
        message: "In words.".into(),
        detail: "Detail".into(),
    };
    scene.fake.inject(Fault::status(401, &refused));
    let ended = scene.publish(&["--channel", "fabrikam", &file], ("EVENT_GRID_KEY", &key));
    assert_eq!(scene.fake.accepted().len(), 2, "it was");
    let lines: Vec<_> = ended.stdout.lines().collect();
    let [none, first, second] = lines[..] else { panic!("{lines:?}") };
    assert_eq!(none, "accepted 0 events in 0 requests");
    assert!(first.starts_with("may have been accepted: `1`: "), "{first}");
    assert!(second.starts_with("not accepted: `1`: "), "{second}");

    let ended = scene.publish(&["--channel", "fabrikam", &file], ("UNRELATED", ""));
    assert_eq!(
        (ended.code, &*ended.stderr),
        (
            Some(4),
            "error: neither EVENT_GRID_KEY nor AZURE_TENANT_ID is set\n  try: partner-center event-grid publish --help\n"
        )
    );
}

#[test]
fn what_is_not_understood_is_refused() {
    let scene = Scene::new();
    let file = scene.file("event.json", EVENT);
    let garbage = scene.file("garbage.json", "{}");
    for (arguments, message) in [
        (&[&*file][..], "--channel <NAME> is missing\n"),
        (&["--by-source"], "<FILE>... is missing\n"),
        (
            &["--by-source", "--channel", "abc", &file],
            "the argument '--by-source' cannot be used with '--channel <NAME>'\n",
        ),
        (
            &["--channel", "a/b", &file],
            "`a/b` is not a channel name (expected 3 to 50 letters, digits and hyphens)",
        ),
        (
            &["--by-source", "--endpoint", "https://a.example", &file],
            "--endpoint: `https://a.example` has the path `/` (expected `/api/events`, as in the namespace's property `endpoint`)",
        ),
        (&["--by-source", &garbage], "garbage.json: attribute `id` is missing"),
        (&["--by-source", "/nowhere"], "/nowhere: No such file or directory (os error 2)"),
    ] {
        let ended = scene.publish(arguments, ("EVENT_GRID_KEY", "bm8="));
        assert_eq!(ended.code, Some(2), "{arguments:?}");
        assert!(ended.stderr.contains(message), "{}", ended.stderr);
    }
    let ended = scene.run("sign", &["--for", "1"], ("EVENT_GRID_KEY", "bm8="));
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("it is not a duration"), "{}", ended.stderr);
    let ended = scene.run("sign", &["--for", "1h"], ("UNRELATED", ""));
    assert_eq!((ended.code, &*ended.stderr), (Some(4), "error: EVENT_GRID_KEY is not set\n"));
    assert!(scene.fake.requests().is_empty());
}
