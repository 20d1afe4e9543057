#!/bin/sh
# What some tests need beside Python: SoftHSM2 (a PKCS#11 token in software) and PostgreSQL. Where they can't be
# installed, those tests skip and say so.
set -eu
if ! command -v apt-get >/dev/null 2>&1 || [ "$(id -u)" != 0 ]; then
    echo "install-test-services: no apt-get as root here; tests of PKCS#11 and PostgreSQL will skip" >&2
    exit 0
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq || true
apt-get install -y -qq --no-install-recommends softhsm2 postgresql openssl >/dev/null ||
    echo "install-test-services: not installed; tests of PKCS#11 and PostgreSQL will skip" >&2
