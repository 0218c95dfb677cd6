#!/usr/bin/env bash
# Builds `ashlar` and serves on 127.0.0.1:6379 with one core loop per CPU. Debian 12 with a Rust toolchain is enough.
# Arguments go to the server (./serve.sh --port 7000, ./serve.sh my.toml); `./serve.sh --help` lists the settings.
set -euo pipefail
root=$(cd "$(dirname "$0")" && pwd)

. "$root/packages.sh"
need_cargo
if [ ${#packages[@]} -gt 0 ]; then
    need_apt
    install_packages
fi

# In a subshell, so that paths among the arguments mean what they mean where this was called.
(cd "$root" && cargo build --release --locked -p server >&2)
target=${CARGO_TARGET_DIR:-target}
case $target in
    /*) ;;
    *) target=$root/$target ;;
esac
exec "$target/release/ashlar" "$@"
