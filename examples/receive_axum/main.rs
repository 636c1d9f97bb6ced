//! A receiver to deploy: verifies callbacks and writes each event as one JSON line to standard output.
//!
//! ```text
//! receive_axum --listen 0.0.0.0:8080 --intermediates microsoft.pem | while read -r event; do …; done
//! ```

#[path = "../support/service/axum.rs"]
mod on_axum;
#[path = "../support/service/mod.rs"]
mod service;

use std::process::ExitCode;

use service::{LOCALHOST, Program};

#[tokio::main]
async fn main() -> ExitCode {
    let program = Program {
        name: "receive_axum",
        about: ", with axum",
        path: "/webhooks/callback",
        listen: LOCALHOST,
    };
    program.run(on_axum::serve).await
}
