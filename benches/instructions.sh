#!/usr/bin/env bash
# The instructions of `Receiver::verify` with a cached signer, beside those of the raw primitive: a ratio without the noise of a
# clock. Needs valgrind, which counts 20 and 120 calls; their difference has neither the start nor the first use of a key.
set -euo pipefail
cd "$(dirname "$0")/.."

bench=$(cargo bench --all-features --bench receive --no-run 2>&1 | sed -n 's/.*(\(.*receive-[0-9a-f]*\)).*/\1/p')

instructions() {
    valgrind --tool=callgrind --callgrind-out-file=/dev/null --collect-atstart=no "--toggle-collect=*Bench*$1" \
        "$bench" --count "$1" "$2" 2>&1 | sed -n 's/.*Collected : \([0-9]*\).*/\1/p'
}

for what in hit raw; do
    few=$(instructions "$what" 20)
    many=$(instructions "$what" 120)
    declare "$what=$(((many - few) / 100))"
done
awk -v hit="$hit" -v raw="$raw" 'BEGIN {
    printf "Receiver::verify %d instructions, the primitive %d: %.4f (goal: at most 1.05)\n", hit, raw, hit / raw
}'
