//! What holds for all commands.

use std::fs;
use std::io::Read as _;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::process::{Directory, Ended, program, run};

/// The commands that help lists, and those below them.
pub(crate) fn commands() -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![String::new()];
    while let Some(command) = open.pop() {
        let help = run(&command, &["--help"]);
        assert_eq!((help.code, &*help.stderr), (Some(0), ""), "{command}");
        let list = help.stdout.split("\nCommands:\n").nth(1);
        let list = list.map(|list| list.split("\n\n").next().unwrap());
        let names = list.into_iter().flat_map(str::lines).filter(|line| line.starts_with("  "));
        let names: Vec<_> = names
            .filter(|line| !line.starts_with("   "))
            .map(|line| format!("{command} {}", line.split_whitespace().next().unwrap()))
            .collect();
        match names.is_empty() {
            true => found.push(command.trim().to_owned()),
            false => open.extend(names),
        }
    }
    found.sort();
    found
}

#[test]
fn errors_leave_standard_output_empty_and_say_what_to_try() {
    let commands = commands();
    for expected in ["config show", "demo", "doctor", "emulate emit", "receive", "verify"] {
        assert!(commands.iter().any(|command| command == expected), "{expected}: {commands:?}");
    }
    for command in &commands {
        let Ended { code, stdout, stderr } = run(command, &["--no-such-flag"]);
        assert_eq!((code, &*stdout), (Some(2), ""), "{command}");
        assert!(
            stderr.starts_with("error: unexpected argument '--no-such-flag' found\n"),
            "{stderr}"
        );
        assert!(stderr.ends_with(&format!("  try: partner-center {command} --help\n")), "{stderr}");
    }
}

#[test]
fn json_parses() {
    let directory = Directory::new();
    let file = directory.path("config.toml");
    let rows: &[(&str, &[&str], &[i32])] = &[
        ("config show", &[], &[0]),
        ("config check", &[], &[0]),
        ("config options", &[], &[0]),
        ("config init", &["--output", &file], &[0]),
        ("completions", &["bash"], &[0]),
        ("man", &[], &[0]),
        ("doctor", &[], &[3]),
        ("demo", &[], &[0]),
        ("emulate events", &[], &[0]),
        ("signature new", &[], &[0]),
    ];
    for (command, arguments, codes) in rows {
        let ended = run(command, &[arguments, &["--json"][..]].concat());
        assert!(codes.contains(&ended.code.unwrap()), "{command}: {ended:?}");
        assert_eq!(ended.stdout.lines().count(), 1, "{command}");
        assert!(serde_json::from_str::<Value>(&ended.stdout).is_ok(), "{command}");
    }
}

#[test]
fn a_command_is_suggested_for_a_misspelled_one() {
    let ended = run("docter", &[""; 0]);
    assert_eq!((ended.code, &*ended.stdout), (Some(2), ""));
    assert_eq!(
        ended.stderr,
        "error: unrecognized subcommand 'docter'\n  try: partner-center doctor\n  try: partner-center --help\n"
    );
    let ended = run("", &[""; 0]);
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.starts_with("error: a command is missing\n"), "{}", ended.stderr);
}

#[test]
fn version_and_help_are_there() {
    let version = run("--version", &[""; 0]);
    let expected = format!("partner-center {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!((version.code, version.stdout), (Some(0), expected));
    for command in commands() {
        let version = run(&command, &["--version"]);
        assert_eq!(version.code, Some(0), "{command}");
        assert!(
            version.stdout.ends_with(&format!(" {}\n", env!("CARGO_PKG_VERSION"))),
            "{command}"
        );
    }
    let help = run("--help", &[""; 0]).stdout;
    assert_eq!(run("help", &[""; 0]).stdout, help);
    let of_verify = run("verify", &["--help"]).stdout;
    assert_eq!(run("help verify", &[""; 0]).stdout, of_verify);
    let of_emit = run("emulate emit", &["--help"]).stdout;
    assert_eq!(run("emulate help emit", &[""; 0]).stdout, of_emit);
    for line in [
        "Exit codes:",
        "    0  yes, or done",
        "    1  no: forged, untrusted, not delivered",
        "    2  the command line, the configuration or a file is invalid",
        "    3  not known now: the network, a time limit, an outage",
        "    4  credentials are missing or were refused",
        "   70  a bug in this program",
        "  130  interrupted by a signal",
    ] {
        assert!(help.lines().any(|found| found == line), "{line}: {help}");
    }
}

#[test]
fn documents_are_derived_from_the_command_line() {
    let page = run("man", &[""; 0]);
    assert!(page.stdout.contains(".SH NAME\npartner\\-center"), "{}", page.stdout);
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = run("completions", &[shell]);
        assert_eq!(script.code, Some(0));
        assert!(script.stdout.contains("doctor"), "{shell}");
    }
    assert_eq!(run("completions", &["tcsh"]).code, Some(2));
}

#[test]
fn a_closed_pipe_is_not_an_error() {
    for (command, arguments) in
        [("man", &[][..]), ("config options", &["--json"]), ("", &["--help"])]
    {
        let mut child = program()
            .args(command.split_whitespace())
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let mut stderr = String::new();
        child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        assert_eq!((child.wait().unwrap().code(), &*stderr), (Some(0), ""), "{command}");
    }
}

/// Ctrl-C ends a command that waits, with the code of an interruption and without a word.
#[test]
#[cfg(unix)]
fn an_interrupted_command_says_so_with_its_exit_code() {
    let (asked, was_asked) = std::sync::mpsc::channel();
    let asked = std::sync::Mutex::new(asked);
    let host = crate::http::serve(move |_| {
        // The process is gone when the test ends, and nobody listens then.
        let _ = asked.lock().unwrap().send(());
        None
    });
    let mut child = program()
        .args(["health", "--wait", "--timeout", "1h", "--receiver", &host])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    was_asked.recv().unwrap();
    let pid = child.id().to_string();
    let sent = std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap();
    assert!(sent.success());
    let mut said = String::new();
    child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!((child.wait().unwrap().code(), &*said), (Some(130), ""));
}

/// The effective value of `key` and its origin.
fn shown(ended: &Ended, key: &str) -> Value {
    assert_eq!((ended.code, &*ended.stderr), (Some(0), ""));
    let shown: Value = serde_json::from_str(&ended.stdout).unwrap();
    shown[key].clone()
}

#[test]
fn the_command_line_comes_before_variables_and_these_before_files() {
    let directory = Directory::new();
    let named = directory
        .write("named.toml", "[signer]\nname = \"named\"\n[base]\nurl = \"https://named\"\n");
    let folder = directory.path("xdg");
    fs::create_dir_all(format!("{folder}/partner-center")).unwrap();
    let user = directory.write(
        "xdg/partner-center/config.toml",
        "signer-name = \"user\"\nanchors = [\"a.pem\", \"b.pem\"]\n",
    );
    let show = |variables: &[(&str, &str)], arguments: &[&str]| {
        let mut command = program();
        command.args(["config", "show", "--json"]).args(arguments);
        command.envs(variables.iter().copied()).env("XDG_CONFIG_HOME", &folder);
        Ended::from(command.output().unwrap())
    };

    let of_user = show(&[], &[]);
    let origin = format!("`signer.name` in {user}");
    assert_eq!(shown(&of_user, "signer.name"), json!({"value": "user", "origin": origin}));
    let origin = format!("`anchors` in {user}");
    let anchors = json!({"value": ["a.pem", "b.pem"], "origin": origin});
    assert_eq!(shown(&of_user, "anchors"), anchors);
    assert_eq!(shown(&of_user, "base.url"), Value::Null);
    assert_eq!(shown(&of_user, "log.format"), json!({"value": "text", "origin": "default"}));

    let of_file = show(&[], &["--config", &named]);
    let origin = format!("`signer.name` in {named}");
    assert_eq!(shown(&of_file, "signer.name"), json!({"value": "named", "origin": origin}));
    assert_eq!(shown(&of_file, "anchors"), anchors, "of the next file");
    let by_variable = show(&[("PARTNER_CENTER_CONFIG", &named)], &[]);
    assert_eq!(by_variable.stdout, of_file.stdout);

    let variables = [
        ("PARTNER_CENTER_SIGNER_NAME", "variable"),
        ("PARTNER_CENTER_ANCHORS", "c.pem, d.pem"),
        ("PARTNER_CENTER_CLIENT_SECRET", "S3CRET"),
    ];
    let of_variable = show(&variables, &["--config", &named]);
    let origin = "environment PARTNER_CENTER_SIGNER_NAME";
    assert_eq!(shown(&of_variable, "signer.name"), json!({"value": "variable", "origin": origin}));
    assert_eq!(shown(&of_variable, "anchors")["value"], json!(["c.pem", "d.pem"]), "lists replace");
    assert_eq!(
        shown(&of_variable, "client.secret"),
        json!({"value": "(secret)", "origin": "environment PARTNER_CENTER_CLIENT_SECRET"})
    );
    assert!(!of_variable.stdout.contains("S3CRET"));

    // The invalid value of a variable does not matter where the flag is given.
    let verify = |arguments: &[&str]| {
        let mut command = program();
        command.args(["verify"]).args(arguments).env("PARTNER_CENTER_SIGNER_NAME", "*");
        Ended::from(command.output().unwrap())
    };
    let refused = verify(&[]);
    assert!(
        refused.stderr.starts_with("error: invalid value '*' for '--signer-name <PATTERN>': "),
        "{}",
        refused.stderr
    );
    let origin = "  because: it is set by environment PARTNER_CENTER_SIGNER_NAME\n";
    assert!(refused.stderr.contains(origin), "{}", refused.stderr);
    let accepted = verify(&["--signer-name", "a.example"]);
    assert!(accepted.stderr.starts_with("error: --request FILE is missing"), "{}", accepted.stderr);
}

#[test]
fn nothing_is_read_from_the_current_folder() {
    let directory = Directory::new();
    let file = directory.write("config.toml", "cloud = \"china\"\n");
    directory.write("partner-center.toml", "cloud = \"china\"\n");
    let folder = std::path::Path::new(&file).parent().unwrap();
    let ended: Ended =
        program().args(["config", "show", "--json"]).current_dir(folder).output().unwrap().into();
    assert_eq!(shown(&ended, "cloud"), Value::Null);
}

#[test]
fn invalid_files_are_refused_with_the_remedy() {
    let directory = Directory::new();
    let pem = directory.write("text.pem", "text");
    for (text, message, remedy) in [
        ("sigher-name = \"a\"", "`sigher.name` is not a key", "\n  try: `signer.name`\n"),
        ("x = 1", "`x` is not a key\n", ""),
        (
            "[client]\nsecret = \"S3CRET\"",
            "`client.secret` is a secret, and secrets are not kept in this file",
            "\n  try: export PARTNER_CENTER_CLIENT_SECRET, or name a file with `client.secret-file`\n",
        ),
        ("cloud = ", "line 1: ", ""),
        ("# a\nsecret = S3CRET", "line 2: ", ""),
        ("cloud = 1.5", "`cloud` is not text, a number, a truth value or a list of them", ""),
        ("signer-name = \"a\"\nsigner.name = \"b\"", "`signer.name` is there twice", ""),
    ] {
        let file = directory.write("config.toml", text);
        let ended = run("config check", &["--config", &file]);
        assert_eq!((ended.code, &*ended.stdout), (Some(2), ""), "{text}");
        let start = format!("error: {file}: {message}");
        assert!(ended.stderr.starts_with(&start), "{}", ended.stderr);
        assert!(ended.stderr.contains(remedy), "{}", ended.stderr);
        assert!(!ended.stderr.contains("S3CRET"), "{}", ended.stderr);
    }
    let missing = directory.missing();
    let ended = run("config check", &["--config", &missing]);
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.starts_with(&format!("error: --config {missing}: ")), "{}", ended.stderr);

    for (text, message) in [
        (
            "cloud = \"mars\"".to_owned(),
            "error: invalid value 'mars' for '--cloud <VALUE>'\n  because: it is set by `cloud` in ".to_owned(),
        ),
        (format!("anchors = {pem:?}"), format!("error: --anchors {pem}: the PEM text holds no")),
    ] {
        let file = directory.write("config.toml", text);
        let ended = run("config check", &["--config", &file]);
        assert_eq!((ended.code, &*ended.stdout), (Some(2), ""));
        assert!(ended.stderr.starts_with(&message), "{}", ended.stderr);
    }
}

#[test]
fn a_file_is_begun_and_is_valid() {
    let directory = Directory::new();
    let file = directory.path("new/config.toml");
    let begun = run("config init", &["--output", &file]);
    assert_eq!((begun.code, &*begun.stdout), (Some(0), &*format!("{file}\n")));
    let checked = run("config check", &["--config", &file]);
    let expected = "the configuration is valid: 1 files, 0 values\n";
    assert_eq!((checked.code, &*checked.stdout), (Some(0), expected));

    let again = run("config init", &["--output", &file]);
    assert_eq!((again.code, &*again.stdout), (Some(2), ""));
    assert_eq!(
        again.stderr,
        format!("error: {file} is there already\n  try: partner-center config init --force\n")
    );
    assert_eq!(run("config init", &["--output", &file, "--force"]).code, Some(0));
}

#[test]
fn a_secret_is_written_beside_the_file_for_its_owner_alone() {
    let directory = Directory::new();
    let file = directory.path("new/config.toml");
    let secret = directory.path("new/deliver.secret");
    let begun = run("config init", &["--output", &file, "--with-secret"]);
    assert_eq!((begun.code, begun.stdout), (Some(0), format!("{file}\n{secret}\n")));
    assert!(begun.stderr.ends_with("give the secret to your application\n"), "{}", begun.stderr);
    let text = fs::read_to_string(&secret).unwrap();
    assert!(text.starts_with("whsec_") && text.ends_with('\n'), "a secret");
    assert!(!begun.stderr.contains(text.trim()));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(fs::metadata(&secret).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let body = directory.write("body", "{}");
    let signed = run("signature sign", &["--secret-file", &secret, "--body", &body]);
    assert_eq!(signed.code, Some(0), "{}", signed.stderr);

    // One that an application may know is not replaced.
    let other = directory.path("new/other.toml");
    let again = run("config init", &["--output", &other, "--with-secret"]);
    assert_eq!((again.code, &*again.stdout), (Some(2), ""));
    assert!(
        again.stderr.contains(&format!("error: {secret} is there already\n")),
        "{}",
        again.stderr
    );
    assert_eq!(fs::read_to_string(&secret).unwrap(), text);
}

#[test]
fn no_secret_is_shown() {
    let secrets = [
        "PARTNER_CENTER_CLIENT_SECRET",
        "PARTNER_CENTER_ACCESS_TOKEN",
        "PARTNER_CENTER_GRAPH_TOKEN",
        "PARTNER_CENTER_REFERRALS_TOKEN",
        "EVENT_GRID_KEY",
        "EVENT_GRID_SAS",
        "EVENT_GRID_TOKEN",
        "AZURE_CLIENT_SECRET",
    ];
    for command in commands() {
        let arguments: &[&str] = match &*command {
            "emulate" | "event-grid receive" | "event-grid forward" | "receive" | "config init" => {
                continue;
            }
            "completions" => &["bash"],
            "doctor" => &["--tenant-id", "a.example"],
            _ => &[],
        };
        for more in [&[][..], &["-vv"]] {
            let mut program = program();
            program.args(command.split_whitespace()).args(arguments).args(more);
            program.envs(secrets.map(|name| (name, "S3CRET-S3CRET")));
            // Refused at once, because it is plain http, so that nothing is repeated for long.
            program.env("PARTNER_CENTER_BASE_URL", "http://contoso.example");
            let ended = Ended::from(program.output().unwrap());
            assert!(!ended.stdout.contains("S3CRET"), "{command}: {}", ended.stdout);
            assert!(!ended.stderr.contains("S3CRET"), "{command}: {}", ended.stderr);
        }
    }
}
