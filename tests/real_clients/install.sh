#!/usr/bin/env bash
# Gives the suite `real_clients` a Python with redis-py, in target/redis-py: the newest one that pip gets, which knows RESP3 and
# client-side caching. Without pip's network Debian's package python3-redis does, in RESP2. Whoever has neither is told so by the suite.
set -euo pipefail
cd "$(dirname "$0")/../.."
folder=${CARGO_TARGET_DIR:-target}/redis-py
if "$folder/bin/python" -c 'import redis' 2>/dev/null; then exit 0; fi
mkdir -p "$(dirname "$folder")"
if python3 -m venv "$folder" && timeout 120 "$folder/bin/pip" install --quiet --disable-pip-version-check redis; then exit 0; fi
rm -rf "$folder"
if /usr/bin/python3 -c 'import redis' 2>/dev/null; then exit 0; fi
echo "${0##*/}: no redis-py here: the suite real_clients skips it (pip install redis, or apt-get install python3-redis)" >&2
