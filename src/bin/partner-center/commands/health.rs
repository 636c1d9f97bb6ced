//! `health`: asks a running receiver, for containers without an HTTP client.

use std::time::Duration;

use clap::Args;
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::admin;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Out;
use crate::values::Span;

/// Asks a running receiver whether it is ready
#[derive(Args, Debug)]
#[command(after_help = "Exit code: 0 it is, 1 it is not, 3 it does not respond.")]
pub(crate) struct HealthOptions {
    /// Where a running receiver responds to its operators
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:9464")]
    receiver: String,
    /// Ask only whether the process responds
    #[arg(long)]
    live: bool,
    /// Wait until it is
    #[arg(long)]
    wait: bool,
    /// How long to wait
    #[arg(long, value_name = "DURATION", default_value = "30s")]
    timeout: Span,
}

pub(crate) async fn run(options: &HealthOptions, out: Out) -> Result<Exit, Failure> {
    let end = Instant::now() + options.timeout.0;
    loop {
        let outcome = ask(options).await;
        let is_over = !options.wait || Instant::now() >= end;
        match outcome {
            Ok(Some(shown)) => {
                out.show(shown.0, &shown.1)?;
                return Ok(Exit::Yes);
            }
            Ok(None) if is_over => {
                out.show("not ready", &json!({ "ready": false }))?;
                return Ok(Exit::No);
            }
            Err(failure) if is_over => return Err(failure),
            Ok(None) | Err(_) => sleep(Duration::from_millis(100)).await,
        }
    }
}

/// What to show if it is well.
async fn ask(
    options: &HealthOptions,
) -> Result<Option<(&'static str, serde_json::Value)>, Failure> {
    let url = &options.receiver;
    let failure = |problem: String| {
        Failure::unknown(format_args!("no receiver responds at {url}")).because(problem)
    };
    if options.live {
        let is_alive = admin::is_alive(url).await.map_err(failure)?;
        return Ok(is_alive.then(|| ("alive", json!({ "alive": true }))));
    }
    let state = admin::state(url).await.map_err(failure)?;
    Ok(state.is_ready.then_some(("ready", state.body)))
}
