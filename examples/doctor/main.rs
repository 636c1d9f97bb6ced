//! Examines Partner Center's signing certificate step by step, and says what would change a refusal, and at what price.
//!
//! ```text
//! doctor --intermediates microsoft.pem
//! ```

mod advice;
#[path = "../support/arguments.rs"]
mod arguments;
mod candidates;
mod examination;
mod facts;
mod gather;
#[path = "../support/instant.rs"]
mod instant;
#[path = "../support/json.rs"]
mod json;
#[path = "../support/location.rs"]
mod location;
mod options;
#[path = "../support/pem.rs"]
mod pem;
mod report;
mod wrap;

use std::fs;
use std::io::Write as _;
use std::process::ExitCode;

use examination::examine;
use options::Options;
use partner_center_webhooks::chain::certificate_to_pem;

#[tokio::main]
async fn main() -> ExitCode {
    let answer = match Options::parse(lexopt::Parser::from_env()) {
        Ok(Some(options)) => answer(&options).await,
        Ok(None) => print(Options::HELP, ExitCode::SUCCESS),
        Err(error) => Err(error),
    };
    answer.unwrap_or_else(|error| arguments::refuse("doctor", &error))
}

async fn answer(options: &Options) -> Result<ExitCode, lexopt::Error> {
    let (mut examination, issuers) = examine(options).await;
    if let Some(path) = &options.save_intermediates {
        let pem: String = issuers.iter().map(certificate_to_pem).collect();
        if !pem.is_empty() {
            let about = |error| format!("--save-intermediates {}: {error}", path.display());
            fs::write(path, pem).map_err(about)?;
        }
        examination.saved_intermediates = Some(issuers.len());
    }
    let text = match options.json {
        true => json::line(&examination).map_err(|error| error.to_string())? + "\n",
        false => report::text(&examination),
    };
    let code = match examination.is_trusted() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    };
    print(&text, code)
}

fn print(text: &str, code: ExitCode) -> Result<ExitCode, lexopt::Error> {
    write!(std::io::stdout(), "{text}").map_err(|error| format!("standard output: {error}"))?;
    Ok(code)
}
