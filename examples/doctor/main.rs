//! Examines Partner Center's signing certificate step by step, and reports what would change a refusal, and what that weakens.
//!
//! ```text
//! doctor --intermediates microsoft.pem
//! ```

#[path = "../support/arguments.rs"]
mod arguments;
#[path = "../support/instant.rs"]
mod instant;
#[path = "../support/location.rs"]
mod location;
mod options;
#[path = "../support/pem.rs"]
mod pem;

use std::fs;
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;

use options::{Options, Origin};
use partner_center_webhooks::chain::certificate_to_pem;
use partner_center_webhooks::diagnosis::{Examination, Examiner};
use partner_center_webhooks::source::{CertificateSource as _, SourceError};
use partner_center_webhooks::spawn::TokioSpawn;

#[tokio::main]
async fn main() -> ExitCode {
    let outcome = match Options::parse(lexopt::Parser::from_env()) {
        Ok(Some(options)) => run(&options).await,
        Ok(None) => print(Options::HELP, ExitCode::SUCCESS),
        Err(error) => Err(error),
    };
    outcome.unwrap_or_else(|error| arguments::refuse("doctor", &error))
}

async fn run(options: &Options) -> Result<ExitCode, lexopt::Error> {
    let examination = examine(options).await;
    let mut text = match options.json {
        true => format!("{}\n", examination.to_json()),
        false => examination.to_string(),
    };
    if let Some(path) = &options.save_intermediates {
        let issuers = examination.issuers();
        let pem: String = issuers.iter().map(certificate_to_pem).collect();
        if !pem.is_empty() {
            let about = |error| format!("--save-intermediates {}: {error}", path.display());
            fs::write(path, pem).map_err(about)?;
        }
        if !options.json {
            text += &match issuers.len() {
                0 => "\nNothing was saved: no path over an intermediate is valid.\n".to_owned(),
                saved => format!("\nSaved intermediates: {saved}.\n"),
            };
        }
    }
    let code = match examination.is_trusted() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    };
    print(&text, code)
}

async fn examine(options: &Options) -> Examination {
    let mut examiner = Examiner::new(options.chain.clone(), Arc::new(TokioSpawn::new()));
    if let Some(authorities) = options.authorities.clone() {
        examiner = examiner.with_authorities(authorities);
    }
    match &options.origin {
        Origin::File { path, bundle } => {
            examiner.examine(path, Ok(bundle.clone()), options.now).await
        }
        Origin::Url { url, location, download } => {
            let served = match location.check(url) {
                Ok(url) => download.fetch(&url).await,
                Err(error) => Err(SourceError::Location(error)),
            };
            examiner.examine(url, served, options.now).await
        }
    }
}

fn print(text: &str, code: ExitCode) -> Result<ExitCode, lexopt::Error> {
    write!(std::io::stdout(), "{text}").map_err(|error| format!("standard output: {error}"))?;
    Ok(code)
}
