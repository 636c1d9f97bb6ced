//! The program as a process.

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, fs};

/// The program without any configuration, cut off from every network but loopback.
pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_partner-center"));
    for (variable, _) in env::vars_os() {
        let name = variable.to_string_lossy();
        if name.starts_with("PARTNER_CENTER_") || name.to_ascii_lowercase().ends_with("_proxy") {
            command.env_remove(&variable);
        }
    }
    // Nobody listens there.
    for variable in ["https_proxy", "HTTPS_PROXY"] {
        command.env(variable, "http://127.0.0.1:1");
    }
    let nowhere = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("no-configuration");
    command.env("XDG_CONFIG_HOME", &nowhere).env("XDG_STATE_HOME", &nowhere);
    command.env_remove("RUST_LOG").env_remove("STATE_DIRECTORY").stdin(Stdio::null());
    command
}

/// How a process ended.
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

/// Runs a command, such as `config show`, to its end.
pub(crate) fn run<S: AsRef<str>>(command: &str, arguments: &[S]) -> Ended {
    let arguments = arguments.iter().map(AsRef::as_ref);
    program().args(command.split_whitespace()).args(arguments).output().unwrap().into()
}

/// A directory of its own, for the files that arguments name.
pub(crate) struct Directory(PathBuf);

impl Directory {
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("cli-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// Writes a file, and returns its path.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.0.join(name);
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// The path of a file that does not exist.
    pub(crate) fn missing(&self) -> String {
        self.path("missing")
    }

    /// The path of a file of this name.
    pub(crate) fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
