#!/usr/bin/env bash
# Installs what the tests need, builds `ashlar`, runs every test of the workspace and prints the time of each suite.
# Debian 12 with a Rust toolchain is enough. Arguments go to `cargo test` (./test.sh -p tests --test differential).
set -euo pipefail
cd "$(dirname "$0")"

# Suites start several servers each; more at once than this only slow each other down.
test_threads=${TEST_THREADS:-2}

# Seconds that each suite may take on 2 cores; the builds before them have what .ci/run leaves.
budgets="differential=180 serialisable=60 robustness=120 starvation=60 pipelines=90 lifecycle=60 config=30
    redis_benchmark=60 tidy=20 model_baton=120 model_lease=120 model_ticket=120 model_widening=120 simulation=90 fuzz=90 boundaries=90 largest=90 encodings=90 sessions=240 isolation=90 real_clients=90 acl=90 packet_007=300 packet_008=300
    lib=150 cluster_mixed=60 cluster_forming=90 cluster_nodes=60 migrate=120 other=60"

. ./packages.sh
need_cargo
command -v redis-server >/dev/null || packages+=(redis-server)
command -v redis-cli >/dev/null && command -v redis-benchmark >/dev/null || packages+=(redis-tools)
if [ ${#packages[@]} -gt 0 ]; then
    need_apt
    # The tests start their own servers: Debian's service must not be started by the installation.
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
        as_root sh -c "printf '#!/bin/sh\nexit 101\n' >$policy && chmod 755 $policy"
        trap 'as_root rm -f "$policy"' EXIT
    fi
    install_packages
fi

# 10,000 idle connections need a descriptor on both sides; the suite scales down to what is allowed.
ulimit -n "$(ulimit -Hn)" 2>/dev/null || true

tests/real_clients/install.sh
echo "test.sh: building"
cargo build --locked -p server
cargo test --locked --workspace --no-run

log=$(mktemp)
status=0
started=$SECONDS
if [ $# -eq 0 ]; then set -- --workspace; fi
cargo test --locked --no-fail-fast "$@" -- --test-threads "$test_threads" 2>&1 | tee "$log" || status=$?

echo
echo "test.sh: time per suite, its budget in seconds, and whether it passed"
awk -v budgets="$budgets" '
    BEGIN { count = split(budgets, list, " "); for (i = 1; i <= count; i++) { split(list[i], pair, "="); budget[pair[1]] = pair[2] } }
    / Running / { sub(/^ *Running /, ""); sub(/ \(.*/, ""); suite = $0 }
    / Doc-tests / { sub(/^ */, ""); suite = $0 }
    /^test result:/ {
        time = $0; sub(/.*finished in /, "", time)
        name = suite; sub(/\/main\.rs$/, "", name); sub(/.*\//, "", name); sub(/\.rs$/, "", name)
        limit = (name in budget) ? budget[name] : budget["other"]
        over = (time + 0 > limit) ? " OVER ITS BUDGET" : ""
        printf "  %9s of %4d  %-5s %s%s\n", time, limit, ($3 == "ok." ? "ok" : "FAIL"), suite, over
    }
' "$log"
rm -f "$log"
echo "test.sh: tests took $((SECONDS - started)) s"
exit "$status"
