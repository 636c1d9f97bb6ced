//! The program while it runs.
#![expect(clippy::panic, reason = "the helpers of tests may fail like tests")]

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::process::{Ended, program};

/// A running server; killed when it is dropped.
pub(crate) struct Running {
    child: Child,
    /// What it said after `ready: `.
    pub(crate) url: String,
    pub(crate) address: SocketAddr,
    stdout: Option<BufReader<ChildStdout>>,
    log: Arc<Mutex<String>>,
    log_reader: Option<JoinHandle<()>>,
}

impl Running {
    /// Starts `receive` on a free port, without the address for operators, and waits until it listens.
    pub(crate) fn receiver(arguments: &[&str]) -> Self {
        let mut command = program();
        command.args(["receive", "--print", "--listen", "127.0.0.1:0"]);
        if !arguments.contains(&"--admin-listen") {
            command.args(["--admin-listen", "none"]);
        }
        Self::spawn(command.args(arguments))
    }

    /// Starts `emulate` on a free port, and waits until it listens.
    pub(crate) fn emulator(arguments: &[&str]) -> Self {
        let usual = ["emulate", "--listen", "127.0.0.1:0", "--first-pause", "1ms"];
        Self::spawn(program().args(usual).args(arguments))
    }

    pub(crate) fn spawn(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let writer = Arc::clone(&log);
        let log_reader = thread::spawn(move || {
            let mut line = String::new();
            while stderr.read_line(&mut line).unwrap() > 0 {
                writer.lock().unwrap().push_str(&line);
                line.clear();
            }
        });
        let stdout = child.stdout.take().map(BufReader::new);
        let url = wait_until(
            || {
                let log = log.lock().unwrap();
                let mut lines = log.split_inclusive('\n').filter(|line| line.ends_with('\n'));
                let url = lines.find_map(|line| line.trim_end().strip_prefix("ready: "));
                let ended = child.try_wait().unwrap();
                assert!(url.is_some() || ended.is_none(), "{ended:?}: {log}");
                url.map(str::to_owned)
            },
            || format!("not ready: {}", log.lock().unwrap()),
        );
        let authority = url.strip_prefix("http://").unwrap().split('/').next().unwrap();
        let address = authority.parse().unwrap_or_else(|_| SocketAddr::from(([127, 0, 0, 1], 0)));
        Self { child, address, url, stdout, log, log_reader: Some(log_reader) }
    }

    /// The next line of standard output.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.as_mut().unwrap().read_line(&mut line).unwrap();
        line
    }

    /// Closes the reading end of standard output.
    pub(crate) fn close_stdout(&mut self) {
        self.stdout = None;
    }

    /// Standard error so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Waits until standard error contains `text`.
    pub(crate) fn wait_for_log(&self, text: &str) {
        wait_until(
            || self.log().contains(text).then_some(()),
            || format!("`{text}` is not in {}", self.log()),
        );
    }

    /// Sends a signal, such as `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        let sent =
            Command::new("kill").args([format!("-{name}"), self.child.id().to_string()]).status();
        assert!(sent.unwrap().success());
    }

    /// Waits until connections are refused.
    pub(crate) fn wait_for_refusal(&self) {
        wait_until(
            || TcpStream::connect(self.address).err(),
            || "connections are still accepted".to_owned(),
        );
    }

    /// Waits for the end.
    pub(crate) fn end(mut self) -> Ended {
        let status = wait_until(
            || self.child.try_wait().unwrap(),
            || format!("still running; standard error: {}", self.log.lock().unwrap()),
        );
        let mut stdout = String::new();
        if let Some(mut rest) = self.stdout.take() {
            rest.read_to_string(&mut stdout).unwrap();
        }
        self.log_reader.take().unwrap().join().unwrap();
        Ended { code: status.code(), stdout, stderr: self.log() }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn wait_until<T>(mut ready: impl FnMut() -> Option<T>, state: impl Fn() -> String) -> T {
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        if let Some(value) = ready() {
            return value;
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("waited {PATIENCE:?}: {}", state());
}

/// How long a test waits for something that takes milliseconds, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
