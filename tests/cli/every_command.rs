//! What holds for every command: each is run with `--json`, into a closed pipe, and without a terminal.

use std::io::Read as _;
use std::process::Stdio;

use partner_center_webhooks::testing::EventGrid;
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::contract::commands;
use crate::process::{Directory, Ended, program, run};
use crate::running::Running;

/// Servers, which other tests run until a signal.
const SERVERS: [&str; 3] = ["event-grid forward", "event-grid receive", "receive"];

/// Commands that are run once: at most two validation events are sent per minute, and an emulator stops once.
const ONCE: [&str; 3] = ["emulate stop", "emulate test", "register test"];

/// An emulator, a receiver that trusts it, and a fake namespace.
struct Scene {
    emulator: Running,
    receiver: Running,
    operators: String,
    account: Vec<(String, String)>,
    runtime: Runtime,
    directory: Directory,
}

impl Scene {
    fn new() -> Self {
        let emulator = Running::emulator(&["--ephemeral"]);
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let operators = free.local_addr().unwrap().to_string();
        drop(free);
        let receiver = Running::receiver(&[
            "--danger-trust-emulator",
            &emulator.url,
            "--admin-listen",
            &operators,
        ]);
        let told = run("emulate env", &["--emulator", &emulator.url]).stdout;
        let pairs = told.lines().filter_map(|line| line.split_once('='));
        let account = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Self {
            emulator,
            receiver,
            operators: format!("http://{operators}"),
            account,
            runtime: Runtime::new().unwrap(),
            directory: Directory::new(),
        }
    }

    /// Each command with its arguments and its exit code, in an order in which all of them can run.
    fn rows(&self, namespace: &str) -> Vec<(&'static str, Vec<String>, i32)> {
        let file = |name: &str, text: &str| self.directory.write(name, text);
        let event = r#"{"EventName":"x","ResourceUri":"https://evil.example/v1/customers/1"}"#;
        let event = file("event.json", event);
        let cloud_event = r#"{"specversion":"1.0","id":"1","source":"/contoso","type":"a"}"#;
        let cloud_event = file("cloud.json", cloud_event);
        let secret = file("secret", "whsec_MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI=\n");
        let request = file("request", "POST / HTTP/1.1\r\nhost: a.example\r\n\r\n{}");
        let config = self.directory.path("config.toml");
        let (url, callbacks, operators) =
            (&*self.emulator.url, &*self.receiver.url, &*self.operators);
        let trust = ["--danger-trust-emulator", url];
        let ensure = ["--url", callbacks, "--event", "test-created", "--danger-plain-http"];
        let grid = ["--danger-plain-http", "--endpoint", namespace];
        let signed = ["--secret-file", &secret, "--body", &event];
        let claimed = ["--id", "msg_1", "--timestamp", "1", "--signature", "v1,MTIz"];
        let rows: Vec<(&'static str, Vec<&str>, i32)> = vec![
            ("completions", vec!["bash"], 0),
            ("config check", vec![], 0),
            ("config init", vec!["--output", &config, "--force", "--with-secret"], 0),
            ("config options", vec![], 0),
            ("config show", vec![], 0),
            ("demo", vec![], 0),
            ("emulate register", vec![callbacks], 0),
            ("doctor", [&trust[..], &["--receiver", operators]].concat(), 0),
            ("health", vec!["--receiver", operators], 0),
            ("man", vec![], 0),
            (
                "event-grid publish",
                [&grid[..], &["--channel", "fabrikam", &cloud_event]].concat(),
                0,
            ),
            ("event-grid sign", [&grid[..], &["--for", "1h"]].concat(), 0),
            ("signature new", vec![], 0),
            ("signature sign", signed.to_vec(), 0),
            ("signature verify", [&signed[..], &claimed].concat(), 1),
            ("verify", [&trust[..], &["--request", &request]].concat(), 1),
            ("register ensure", ensure.to_vec(), 0),
            ("register events", vec![], 0),
            ("register fetch", vec![&event], 1),
            ("register show", vec![], 0),
            ("register test", vec!["--wait", "--timeout", "20s"], 0),
            ("emulate emit", vec!["test-created"], 0),
            ("emulate test", vec!["--wait"], 0),
            ("emulate deliver-now", vec![], 0),
            ("emulate deliveries", vec![], 0),
            ("emulate env", vec![], 0),
            ("emulate events", vec![], 0),
            ("emulate forge", vec!["all", "--wait"], 0),
            ("emulate replay", vec!["1", "--wait"], 0),
            ("emulate signature-header", vec!["x-ms-signature"], 0),
            ("emulate down", vec![], 0),
            ("emulate up", vec![], 0),
            ("emulate rotate", vec![], 0),
            ("emulate revoke", vec![], 0),
            ("emulate reset", vec![], 0),
            ("emulate stop", vec![], 0),
        ];
        let driven = |command: &str| command.starts_with("emulate ") && command != "emulate events";
        let owned = |(command, mut arguments, code): (&'static str, Vec<&str>, i32)| {
            if driven(command) {
                arguments.extend(["--emulator", url]);
            }
            (command, arguments.into_iter().map(str::to_owned).collect(), code)
        };
        rows.into_iter().map(owned).collect()
    }

    fn command(&self, command: &str, arguments: &[String], key: &str) -> std::process::Command {
        let mut program = program();
        program.args(command.split_whitespace()).args(arguments);
        program.env("EVENT_GRID_KEY", key);
        for name in ["EVENT_GRID_SAS", "EVENT_GRID_TOKEN", "AZURE_TENANT_ID"] {
            program.env_remove(name);
        }
        program.envs(self.account.iter().map(|(name, value)| (name, value)));
        program
    }
}

#[test]
fn each_ends_as_documented_with_output_that_parses_and_without_secrets() {
    let scene = Scene::new();
    let grid = scene.runtime.block_on(EventGrid::start()).unwrap();
    let key = grid.access_key();
    let rows = scene.rows(grid.endpoint());

    let mut covered: Vec<_> = rows.iter().map(|(command, ..)| *command).chain(SERVERS).collect();
    covered.sort_unstable();
    assert_eq!(covered, commands(), "a command without a row, or a row without a command");

    let secret = scene.account.iter().find(|(name, _)| name == "PARTNER_CENTER_CLIENT_SECRET");
    let secrets = [&*secret.unwrap().1, &*key];
    for (command, arguments, code) in &rows {
        let is_once = ONCE.contains(command);
        let variants: &[&[&str]] = if is_once { &[&["--json"]] } else { &[&["--json"], &["-vv"]] };
        for more in variants {
            let output = scene.command(command, arguments, &key).args(*more).output().unwrap();
            let Ended { code: found, stdout, stderr } = output.into();
            assert_eq!(found, Some(*code), "{command}: {stdout} {stderr}");
            if more.contains(&"--json") {
                assert!(!stdout.is_empty() || stderr.starts_with("error: "), "{command}");
                for line in stdout.lines() {
                    assert!(serde_json::from_str::<Value>(line).is_ok(), "{command}: {line}");
                }
            }
            // The one command that is asked for them.
            if *command != "emulate env" {
                let shown = format!("{stdout}{stderr}");
                assert!(!secrets.iter().any(|secret| shown.contains(secret)), "{command}: {shown}");
            }
        }
        if !is_once {
            let mut child = scene.command(command, arguments, &key);
            let mut child = child.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            drop(child.stdout.take());
            let mut stderr = String::new();
            child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
            let ended = child.wait().unwrap().code();
            // Nobody reads the verdict: either it is the exit code, or the pipe was noticed first.
            assert!([Some(0), Some(*code)].contains(&ended), "{command}: {ended:?} {stderr}");
            assert!(
                !stderr.contains("Broken pipe") && !stderr.contains("bug"),
                "{command}: {stderr}"
            );
        }
    }
}
