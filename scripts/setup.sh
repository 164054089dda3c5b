#!/usr/bin/env bash
# Gets what a build needs: Debian packages, Rust, Node and the npm packages. Says what it does, asks for nothing that is there
# already, and may be run as often as one likes.
#
#   scripts/setup.sh build         for make run
#   scripts/setup.sh build test    for make test and make demo besides
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/say.sh

purposes=("${@:-build}")
min_rust=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
min_node=20.19.0

# --- Debian packages ---------------------------------------------------------------------------------------------------

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

# Names the packages for the given purposes that are not installed.
missing_packages() {
    local purpose package why
    while read -r purpose package why; do
        case " ${purposes[*]} " in *" $purpose "*) ;; *) continue ;; esac
        dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || echo "$package"
    done < <(grep -v '^#' scripts/debian-packages.txt)
}

lists_updated=no
apt_install() {
    if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null; then
        refuse "Debian packages are missing, and there is no sudo to install them with: $*" \
            "As root: apt-get install $*"
    fi
    if [ "$lists_updated" = no ]; then
        note "apt-get update"
        as_root apt-get update -qq || note "some package lists could not be updated; going on with those that are here"
        lists_updated=yes
    fi
    # Asks nothing: changed configuration files stay as they are.
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        -o Dpkg::Use-Pty=0 -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold "$@" >/dev/null
}

debian_packages() {
    if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
        pkg-config --exists webkit2gtk-4.1 2>/dev/null && return
        refuse "This is not Debian, and the webview's library (webkit2gtk-4.1) is not here." \
            "scripts/debian-packages.txt lists what is needed and why; please install the same from your system."
    fi
    local missing
    mapfile -t missing < <(missing_packages)
    [ ${#missing[@]} -eq 0 ] && return
    step "Debian packages: ${missing[*]}"
    apt_install "${missing[@]}" || refuse "Some Debian packages could not be installed (see above)." \
        "Nothing else was changed. Once apt-get works again, run this again."
}

# The version that apt would install; empty when there is none.
candidate() {
    command -v apt-cache >/dev/null || return 0
    apt-cache policy "$1" 2>/dev/null | sed -n 's/^ *Candidate: \([0-9]*:\)\{0,1\}\([0-9.]*\).*/\2/p'
}

# --- Rust --------------------------------------------------------------------------------------------------------------

rust() {
    export PATH="$PATH:$HOME/.cargo/bin"
    local have
    have=$(rust_version)
    if [ -n "$have" ] && at_least "$have" "$min_rust"; then rust_parts; return; fi
    if ! command -v rustup >/dev/null && [ -n "$(candidate rustup)" ]; then
        step "rustup, Rust's own installer (this machine has Rust ${have:-none}, needed is $min_rust)"
        apt_install rustup
    fi
    if command -v rustup >/dev/null; then
        step "Rust, the stable toolchain"
        rustup toolchain install stable --profile minimal --component clippy --component rustfmt
        have=$(rust_version)
        if ! at_least "${have:-0}" "$min_rust"; then
            note "rustup's default toolchain is ${have:-none}; making it stable"
            rustup default stable
        fi
    elif at_least "$(candidate cargo || true)" "$min_rust"; then
        step "Rust from Debian"
        apt_install cargo rustc rust-clippy rustfmt
    fi
    hash -r
    have=$(rust_version)
    if [ -z "$have" ] || ! at_least "$have" "$min_rust"; then
        refuse "Rust $min_rust or later is needed; here is ${have:-none}, and Debian's packages of this release are older." \
            "Rust's own installer, rustup, gets it: https://www.rust-lang.org/tools/install" \
            "Then run this again."
    fi
}

# Empty when there is none.
rust_version() { { cargo --version 2>/dev/null || true; } | awk '{print $2}' | sed 's/-.*//'; }

# Formatter and lints belong to the tests; a rustup of the minimal profile lacks them.
rust_parts() {
    case " ${purposes[*]} " in *" test "*) ;; *) return 0 ;; esac
    cargo clippy --version >/dev/null 2>&1 && cargo fmt --version >/dev/null 2>&1 && return
    command -v rustup >/dev/null || refuse "clippy and rustfmt are missing: make test wants them." \
        "On Debian: apt-get install rust-clippy rustfmt"
    step "clippy and rustfmt"
    rustup component add clippy rustfmt
}

# --- Node and the npm packages -----------------------------------------------------------------------------------------

# Empty when there is none.
node_version() { { node --version 2>/dev/null || true; } | sed 's/^v//'; }

node_and_npm() {
    local have
    have=$(node_version)
    if [ -z "$have" ] || ! command -v npm >/dev/null; then
        if at_least "$(candidate nodejs)" "$min_node"; then
            step "Node and npm from Debian"
            apt_install nodejs npm
            hash -r
            have=$(node_version)
        fi
    fi
    if [ -z "$have" ] || ! at_least "$have" "$min_node" || ! command -v npm >/dev/null; then
        refuse "Node $min_node or later is needed, with npm; here is ${have:-none}, and Debian's packages of this release are older." \
            "https://nodejs.org/en/download explains how to get it; then run this again."
    fi
}

# Installs what a folder's package-lock.json lists, when it has changed since the last time.
npm_packages() {
    local folder=$1 stamp
    stamp=$folder/node_modules/.installed
    [ -f "$folder/package-lock.json" ] || return 0
    cmp -s "$folder/package-lock.json" "$stamp" && return
    step "npm packages of $folder"
    if [ "$folder" = scripts ]; then
        # Not `ci`: it insists on the packager's builds for every other platform too, and not every registry carries those.
        npm --prefix "$folder" install --no-save --no-audit --no-fund --loglevel=error
    else
        npm --prefix "$folder" ci --no-audit --no-fund --loglevel=error
    fi
    cp "$folder/package-lock.json" "$stamp"
}

debian_packages
rust
node_and_npm
npm_packages ui
case " ${purposes[*]} " in *" dist "*) npm_packages scripts ;; esac
