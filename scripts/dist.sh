#!/usr/bin/env bash
# Makes the installable packages from a release build and puts them into dist/. `make dist` has built the interface before.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/say.sh

step "Release build"
# Where a package was built is nobody's business, and the next one is to be the same built elsewhere.
cargo_home=${CARGO_HOME:-$HOME/.cargo}
export RUSTFLAGS="${RUSTFLAGS:-} --remap-path-prefix=$PWD=commonplace --remap-path-prefix=$cargo_home=cargo"
# What ships and nothing else: with the suites in the same build, what only they need of a dependency would ship too.
cargo build --release --locked -p commonplace-cli -p commonplace-desktop --bin commonplace --bin commonplace-desktop

step "Completions"
completions=target/completions
mkdir -p "$completions"
target/release/commonplace completions bash >"$completions/commonplace.bash"
target/release/commonplace completions zsh >"$completions/_commonplace"
target/release/commonplace completions fish >"$completions/commonplace.fish"

step "Manual and changelog"
manual=target/man
rm -rf "$manual"
mkdir -p "$manual"
target/release/commonplace manual "$manual"
cp src-tauri/bundle/commonplace-desktop.1 "$manual/"
gzip --best --no-name "$manual"/*.1
scripts/changelog.sh | gzip --best --no-name >target/changelog.gz

step "Packages"
rm -rf target/release/bundle dist
scripts/node_modules/.bin/tauri bundle --bundles deb,rpm
mkdir -p dist
cp target/release/bundle/deb/*.deb target/release/bundle/rpm/*.rpm dist/

step "Made:"
(cd dist && for package in *; do printf '    dist/%s  %s\n' "$package" "$(du -h "$package" | cut -f 1)"; done)
note "install: apt install ./dist/*.deb      remove: apt remove commonplace"
