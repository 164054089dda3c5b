#!/usr/bin/env bash
# Runs the checks and tests in order and says at the end what passed, what failed and what was left out.
#
#   scripts/test.sh          everything (make test)
#   scripts/test.sh quick    without the suites that start processes and windows
#   scripts/test.sh check    no tests, only formatting, lints, licences and types
#
# A suite that cannot run on this machine (no right to make network namespaces, say) writes a line with its reason to the file
# named by COMMONPLACE_SKIPPED. With CI set, a skipped suite is a failure.
set -uo pipefail
cd "$(dirname "$0")/.."
. scripts/say.sh

scope=${1:-all}
logs=target/test-logs
rm -rf "$logs"
mkdir -p "$logs"
export COMMONPLACE_SKIPPED=$PWD/$logs/skipped
: >"$COMMONPLACE_SKIPPED"
# Windows under test keep off the person's session bus, and start none of their own.
export DBUS_SESSION_BUS_ADDRESS=disabled: NO_AT_BRIDGE=1

failed_steps=()
# Runs one step, in plain sight and into its log; a failure is remembered and the next step goes on.
try() {
    local name=$1 start=$SECONDS
    shift
    step "$name"
    if "$@" 2>&1 | tee "$logs/${name//[^a-z]/-}.log"; then
        note "$name: done in $((SECONDS - start)) s"
    else
        failed_steps+=("$name")
        printf '%s    %s: FAILED after %s s%s\n' "$red" "$name" $((SECONDS - start)) "$plain"
    fi
}
# A step without which the later ones mean nothing.
must() {
    local before=${#failed_steps[@]}
    try "$@"
    [ ${#failed_steps[@]} -eq "$before" ] || { summary; exit 1; }
}

# Runs Rust tests: nextest if it is there, which keeps tests apart in processes, otherwise cargo's own runner.
rust_tests() {
    if cargo nextest --version >/dev/null 2>&1; then
        local filter=()
        [ "$scope" = quick ] && filter=(--filterset 'not package(commonplace-tests)')
        cargo nextest run --workspace --no-tests=fail "${filter[@]}"
    else
        note "cargo-nextest is not installed; cargo's own test runner does it (cargo install --locked cargo-nextest)"
        local without=()
        [ "$scope" = quick ] && without=(--exclude commonplace-tests)
        cargo test --workspace --no-fail-fast "${without[@]}" -- --test-threads 2
    fi
}

build_all() {
    # With the tests, so that the programs that suites start are built with the same features as the tests themselves.
    cargo build --workspace --all-targets
}

# Adds up what the runners reported.
summary() {
    local passed=0 failed=0 skipped line
    skipped=$(wc -l <"$COMMONPLACE_SKIPPED")
    # nextest: "N tests run: N passed (N slow), N failed, N timed out, N skipped"
    while read -r line; do
        passed=$((passed + $(count "$line" passed)))
        failed=$((failed + $(count "$line" failed) + $(count "$line" 'timed out')))
        [ "$scope" = quick ] || skipped=$((skipped + $(count "$line" skipped)))
    done < <(plain_logs | grep -hE '^ *Summary .* tests? run:')
    # cargo test: "test result: ok. N passed; N failed; N ignored; …"
    while read -r line; do
        passed=$((passed + $(count "$line" passed)))
        failed=$((failed + $(count "$line" failed)))
        skipped=$((skipped + $(count "$line" ignored)))
    done < <(plain_logs | grep -hE '^test result:')
    # vitest: "Tests  N failed | N passed | N skipped (N)"
    while read -r line; do
        passed=$((passed + $(count "$line" passed)))
        failed=$((failed + $(count "$line" failed)))
        skipped=$((skipped + $(count "$line" skipped)))
    done < <(plain_logs | grep -hE '^ *Tests  ')

    echo
    if [ -s "$COMMONPLACE_SKIPPED" ]; then
        printf '%sSKIPPED on this machine:%s\n' "$red" "$plain"
        sed 's/^/    /' "$COMMONPLACE_SKIPPED"
        [ -z "${CI:-}" ] || failed_steps+=("suites were skipped, and CI skips nothing")
    fi
    # A step that fails without a failed test (lints, a build) counts as one failure of its own.
    [ ${#failed_steps[@]} -eq 0 ] || [ "$failed" -gt 0 ] || failed=${#failed_steps[@]}
    for line in ${failed_steps[@]+"${failed_steps[@]}"}; do printf '%sFAILED: %s%s\n' "$red" "$line" "$plain"; done
    printf '%s s in all; logs in %s\n' "$SECONDS" "$logs"
    printf '%s passed, %s failed, %s skipped\n' "$passed" "$failed" "$skipped"
}
plain_logs() { cat "$logs"/*.log 2>/dev/null | sed 's/\x1b\[[0-9;]*m//g'; }
count() {
    local found
    found=$(grep -oE "[0-9]+ $2" <<<"$1" | head -n 1)
    echo "${found%% *}" | grep . || echo 0
}

if [ "$scope" != quick ]; then
    try "formatting" cargo fmt --all --check
    try "lints of the pure crates" scripts/pure-clippy.sh check
    try "interface: types" npm --prefix ui run --silent check
fi
must "interface: build" npm --prefix ui run --silent build
if [ "$scope" != quick ]; then
    try "lints" cargo clippy --workspace --all-targets --locked -- --deny warnings
    try "licences and sources" scripts/deny.sh
fi
if [ "$scope" != check ]; then
    try "interface: tests" npm --prefix ui run --silent test
    must "build" build_all
    try "tests" rust_tests
fi
summary
[ ${#failed_steps[@]} -eq 0 ]
