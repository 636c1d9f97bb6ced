//! Examples as processes.

use std::env;
use std::process::{Command, Output};

/// An example's executable, cut off from every network but loopback.
pub(crate) fn example(name: &str) -> Command {
    let test = env::current_exe().unwrap();
    let profile = test.parent().and_then(|deps| deps.parent()).unwrap();
    let path = profile.join("examples").join(format!("{name}{}", env::consts::EXE_SUFFIX));
    assert!(
        path.exists(),
        "{} is not there: build it with `cargo build --all-features --examples`, or run `cargo test` without a filter",
        path.display()
    );
    let mut command = Command::new(path);
    for variable in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"] {
        command.env_remove(variable);
    }
    // Nobody listens there.
    for variable in ["https_proxy", "HTTPS_PROXY"] {
        command.env(variable, "http://127.0.0.1:1");
    }
    command
}

/// What an example left behind.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// Runs an example to its end.
pub(crate) fn run<S: AsRef<str>>(name: &str, arguments: &[S]) -> Ended {
    let arguments = arguments.iter().map(AsRef::as_ref);
    example(name).args(arguments).output().unwrap().into()
}
