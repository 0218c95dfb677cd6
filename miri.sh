#!/usr/bin/env bash
# Runs what holds entries, nearly all `unsafe` of keyspace, and the baton under Miri, which sees undefined behaviour that
# a test does not; the other `unsafe`, in prefetch.rs, reads and writes nothing. Needs a nightly toolchain with miri and
# rust-src, and takes some minutes. Not part of .ci/run, which is to run with the stable toolchain alone. Arguments replace
# the choice of keyspace's tests: ./miri.sh entry::
set -euo pipefail
cd "$(dirname "$0")"

. ./packages.sh
need_cargo
command -v rustup >/dev/null || {
    echo "miri.sh: rustup is not in PATH; it is what adds a nightly toolchain and miri" >&2
    exit 1
}
rustup toolchain list | grep -q '^nightly' || {
    echo "miri.sh: there is no nightly toolchain: rustup toolchain install nightly --component miri,rust-src" >&2
    exit 1
}
cargo +nightly miri --version >/dev/null 2>&1 || rustup component add --toolchain nightly miri rust-src || {
    echo "miri.sh: miri cannot be installed here: rustup component add --toolchain nightly miri rust-src" >&2
    exit 1
}

# Its own folder: what Miri builds is of no use to others. Without isolation proptest finds its folder and takes fresh seeds.
export CARGO_TARGET_DIR=target/miri MIRIFLAGS="-Zmiri-strict-provenance -Zmiri-disable-isolation ${MIRIFLAGS-}"
# A few cases of each property: Miri takes a thousand times as long.
export PROPTEST_CASES=${PROPTEST_CASES-3}

if [ $# -eq 0 ]; then
    set -- entry:: table:: types::hash types::set types::list types::scored::
fi
# Many draws, to see that they are fair, and tables of many segments would take hours and touch entries no differently.
cargo +nightly miri test --locked -p keyspace --lib -- "$@" --skip fair --skip spread --skip alike --skip emptied
cargo +nightly miri test --locked -p shard --lib -- baton mailbox
