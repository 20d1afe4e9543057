#!/bin/sh
# Debian's chromium for the browser tests. Where it can't be installed, those tests skip and say so.
set -eu
if command -v chromium >/dev/null 2>&1; then
    exit 0
fi
if ! command -v apt-get >/dev/null 2>&1 || [ "$(id -u)" != 0 ]; then
    echo "install-browser: no apt-get as root here; the browser tests will skip" >&2
    exit 0
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq || true
apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null ||
    echo "install-browser: chromium could not be installed; the browser tests will skip" >&2
