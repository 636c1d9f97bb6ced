#!/usr/bin/env bash
# Requests a second of the axum adapter, beside the same route without verification and beside what one RSA verification
# more may cost. Installs the load generator into target/ if it is not on the path. Takes half a minute; wants a quiet machine.
set -euo pipefail
cd "$(dirname "$0")/.."

export PATH="$PATH:$PWD/target/bench-tools/bin"
if ! command -v oha >/dev/null; then
    CARGO_TARGET_DIR=target/bench-tools/build cargo install --locked --root target/bench-tools \
        --version =1.16.0 --no-default-features --features rustls oha
fi
uptime
cargo bench --features axum,testing --bench throughput
uptime
