//! Verifies a captured callback, and reports why it is refused.
//!
//! ```text
//! verify_callback --headers headers.txt --body body.json --intermediates microsoft.pem \
//!     --certificate pcnotifications-dispatch.microsoft.com.cer --at 2026-08-01T12:00:00Z
//! ```

#[path = "../support/arguments.rs"]
mod arguments;
#[path = "../support/instant.rs"]
mod instant;
#[path = "../support/json.rs"]
mod json;
mod options;
#[path = "../support/pem.rs"]
mod pem;
mod report;

use std::io::Write as _;
use std::process::ExitCode;

use http::HeaderMap;
use options::Options;
use partner_center_webhooks::{ErrorKind, Receiver};
use report::Report;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(code) => code,
        Err(error) => arguments::refuse("verify_callback", &error),
    }
}

async fn run() -> Result<ExitCode, lexopt::Error> {
    let Some(options) = Options::parse(lexopt::Parser::from_env())? else {
        return print(Options::HELP.trim_end(), ExitCode::SUCCESS);
    };
    let Options { receiver, headers, body } = options;
    let (report, code) = match receiver.verify(&headers, body.as_slice()).await {
        Ok(body) => (Report::genuine(&body), ExitCode::SUCCESS),
        Err(error) => {
            let mut report = Report::refused(&error);
            if error.kind() == ErrorKind::Signature {
                report.hint = hint(&receiver, &headers, &body).await;
            }
            (report, ExitCode::FAILURE)
        }
    };
    let line = json::line(&report).map_err(|error| error.to_string())?;
    print(&line, code)
}

fn print(text: &str, code: ExitCode) -> Result<ExitCode, lexopt::Error> {
    writeln!(std::io::stdout(), "{text}").map_err(|error| format!("standard output: {error}"))?;
    Ok(code)
}

/// Tries the body without its last line break.
async fn hint(receiver: &Receiver, headers: &HeaderMap, body: &[u8]) -> Option<&'static str> {
    let shorter = body.strip_suffix(b"\n")?;
    let shorter = shorter.strip_suffix(b"\r").unwrap_or(shorter);
    let verified = receiver.verify(headers, shorter).await;
    verified.is_ok().then_some(
        "without its last line break the body is genuine: an editor may have added it to the file",
    )
}
