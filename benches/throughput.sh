#!/usr/bin/env bash
# Requests a second of the axum adapter, beside the same route without verification and beside what one RSA verification
# more may cost. Installs the load generator, wrk, if it is missing (Debian). Takes two minutes; wants a quiet machine.
set -euo pipefail
cd "$(dirname "$0")/.."

command -v wrk >/dev/null || apt-get install --yes --no-install-recommends wrk
run() { "$@" cargo bench --quiet --features axum,testing --bench throughput; }
cargo bench --features axum,testing --bench throughput --no-run
uptime
echo "The server has core 0 to itself, the generator core 1:"
GENERATOR_CORE=1 run taskset -c 0
echo "Server and generator share all cores:"
run env
uptime
