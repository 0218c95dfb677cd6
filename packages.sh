# shellcheck shell=bash
# Sourced by serve.sh and test.sh, which name what is missing in `packages`: installs it with apt-get where that may be.

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
        sudo -n "$@"
    else
        echo "${0##*/}: cannot install packages: neither root nor sudo without a password." >&2
        echo "${0##*/}: install them yourself and run again: apt-get install ${packages[*]}" >&2
        exit 1
    fi
}

need_cargo() {
    command -v cargo >/dev/null || {
        echo "${0##*/}: cargo is not in PATH: install a Rust toolchain (see rust-version in Cargo.toml)" >&2
        exit 1
    }
}

# The allocator and liburing, which glommio brings along, are C; glommio's build also calls git, even where it has nothing to fetch.
packages=()
command -v cc >/dev/null && [ -e /usr/include/stdlib.h ] || packages+=(gcc libc6-dev)
command -v git >/dev/null || packages+=(git)

need_apt() {
    command -v apt-get >/dev/null || {
        echo "${0##*/}: no apt-get here; install these yourself: ${packages[*]}" >&2
        exit 1
    }
}

install_packages() {
    echo "${0##*/}: installing ${packages[*]}" >&2
    as_root apt-get update -qq >&2
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}" >&2
}
