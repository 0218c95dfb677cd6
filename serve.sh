#!/usr/bin/env bash
# Builds `ashlar` and serves on 127.0.0.1:6379 with one core loop per CPU. Debian 12 with a Rust toolchain is enough.
# Arguments go to the server (./serve.sh --port 7000, ./serve.sh my.toml); `./serve.sh --help` lists the settings.
set -euo pipefail
root=$(cd "$(dirname "$0")" && pwd)

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
        sudo -n "$@"
    else
        echo "serve.sh: cannot install packages: neither root nor sudo without a password." >&2
        echo "serve.sh: install them yourself and run again: apt-get install ${packages[*]}" >&2
        exit 1
    fi
}

command -v cargo >/dev/null || {
    echo "serve.sh: cargo is not in PATH: install a Rust toolchain (see rust-version in Cargo.toml)" >&2
    exit 1
}

# The allocator and liburing, which glommio brings along, are C; glommio's build also calls git, even where it has nothing to fetch.
packages=()
command -v cc >/dev/null && [ -e /usr/include/stdlib.h ] || packages+=(gcc libc6-dev)
command -v git >/dev/null || packages+=(git)
if [ ${#packages[@]} -gt 0 ]; then
    command -v apt-get >/dev/null || {
        echo "serve.sh: no apt-get here; install these yourself: ${packages[*]}" >&2
        exit 1
    }
    echo "serve.sh: installing ${packages[*]}" >&2
    as_root apt-get update -qq >&2
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}" >&2
fi

# In a subshell, so that paths among the arguments mean what they mean where this was called.
(cd "$root" && cargo build --release --locked -p server >&2)
target=${CARGO_TARGET_DIR:-target}
case $target in
    /*) ;;
    *) target=$root/$target ;;
esac
exec "$target/release/ashlar" "$@"
