#!/usr/bin/env bash
# Requests a second of the axum adapter, beside the same route without verification and beside what one RSA verification
# more may cost. Installs the load generator, wrk, if it is missing (Debian). Takes two minutes; wants a quiet machine.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! command -v wrk >/dev/null; then
    as_root=()
    [ "$(id -u)" -eq 0 ] || as_root=(sudo)
    "${as_root[@]}" apt-get update
    "${as_root[@]}" apt-get install --yes --no-install-recommends wrk
fi
run() { "$@" cargo bench --quiet --features axum,testing --bench throughput; }
cargo bench --features axum,testing --bench throughput --no-run
cat /proc/loadavg # `uptime` is not on every Debian
if [ "$(nproc)" -gt 1 ]; then
    echo "The server has core 0 to itself, the generator core 1:"
    GENERATOR_CORE=1 run taskset -c 0
fi
echo "Server and generator share all cores:"
run env
cat /proc/loadavg
