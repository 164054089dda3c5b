#!/usr/bin/env bash
# Keeps the lints of the pure crates one: `copy` writes them into each crate, `check` fails when a copy differs.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/say.sh

for crate in model trust governance sync; do
    copy=crates/$crate/clippy.toml
    case "${1:-}" in
        copy) cp scripts/pure-clippy.toml "$copy" ;;
        check) cmp -s scripts/pure-clippy.toml "$copy" || refuse "$copy differs from scripts/pure-clippy.toml." "make fmt copies it." ;;
        *) refuse "usage: scripts/pure-clippy.sh copy|check" ;;
    esac
done
