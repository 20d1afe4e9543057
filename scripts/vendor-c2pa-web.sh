#!/usr/bin/env bash
# Puts the C2PA reader for browsers into reelproof/pages/static/c2pa, from npm packages of fixed versions.
# One line is changed: the two bare imports become relative ones, since our pages allow no import map.
set -euo pipefail
target="$(cd "$(dirname "$0")/.." && pwd)/reelproof/pages/static/c2pa"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
cd "$work"
for package in @contentauth/c2pa-web@0.13.1 highgain@0.1.0 ts-deepmerge@8.0.0; do
  archive="$(npm pack --silent "$package")"
  mkdir "${archive%.tgz}"
  tar xzf "$archive" -C "${archive%.tgz}"
done
mkdir -p "$target"
dist="contentauth-c2pa-web-0.13.1/package/dist"
sed -e 's#from "highgain"#from "./highgain.js"#' -e 's#from "ts-deepmerge"#from "./ts-deepmerge.js"#' \
  "$dist"/c2pa-*.js > "$target/c2pa-web.js"
cp "$dist/c2pa_worker.js" "$target/c2pa_worker.js"
gzip -9nc "$dist/resources/c2pa_bg.wasm" > "$target/c2pa_bg.wasm.gz"
cp highgain-0.1.0/package/dist/index.js "$target/highgain.js"
cp ts-deepmerge-8.0.0/package/esm/index.js "$target/ts-deepmerge.js"
cp contentauth-c2pa-web-0.13.1/package/LICENSE "$target/LICENSE-c2pa-web.txt"
(cd "$target" && sha256sum -- *.js *.gz > SHA256SUMS)
