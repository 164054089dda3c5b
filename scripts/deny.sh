#!/usr/bin/env bash
# Checks licences, sources and banned crates of all dependencies (deny.toml), and known vulnerabilities where the advisory
# database can be reached. Installs cargo-deny below target/ the first time, which takes some minutes.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/say.sh

tools=$PWD/target/tools
export PATH="$PATH:$tools/bin"
if ! command -v cargo-deny >/dev/null; then
    step "cargo-deny, once"
    cargo install --locked --quiet --root "$tools" cargo-deny
fi
cargo deny --offline --log-level error check bans licenses sources
