#!/usr/bin/env bash
# Checks licences, sources and banned crates of all dependencies, by deny.toml; this asks the crate registry at most. With
# `advisories` it checks for known vulnerabilities instead, and fetches their database. Builds cargo-deny below target/ if it
# is not installed, which takes some minutes.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/say.sh

tools=$PWD/target/tools
export PATH="$PATH:$tools/bin"
if ! command -v cargo-deny >/dev/null; then
    step "cargo-deny, once"
    cargo install --locked --quiet --root "$tools" cargo-deny
fi
case "${1:-}" in
    "") cargo deny --log-level error check bans licenses sources ;;
    advisories) cargo deny --log-level warn check advisories ;;
    *) refuse "usage: scripts/deny.sh [advisories]" ;;
esac
