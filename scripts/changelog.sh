#!/usr/bin/env bash
# Prints CHANGELOG.md as Debian wants changelogs. What is not released yet goes by the version in Cargo.toml and the date of
# the last commit (or of SOURCE_DATE_EPOCH); a released section is headed `## VERSION - YYYY-MM-DD`.
set -euo pipefail
cd "$(dirname "$0")/.."

version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
seconds=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || stat --format=%Y CHANGELOG.md)}

# Every item on one line: headings as they are, then one `*` for each bullet or paragraph.
items() {
    awk '
        function flush() { if (item != "") print "* " item; item = "" }
        /^## /   { flush(); print; inside = 1; next }
        !inside  { next }
        /^#/     { flush(); next }
        /^$/     { flush(); next }
        /^- /    { flush(); item = substr($0, 3); next }
                 { sub(/^ +/, ""); item = item == "" ? $0 : item " " $0 }
        END      { flush() }
    ' CHANGELOG.md
}

signed=
# Ends the section that was begun.
sign() { [ -z "$signed" ] || printf '\n -- The Commonplace developers <>  %s\n' "$signed"; }

while read -r line; do
    case $line in
        "## "*)
            [ -z "$signed" ] || { sign; echo; }
            read -r _ name _ day <<<"$line"
            if [ "$name" = Unreleased ]; then
                name=$version day=@$seconds
            fi
            signed=$(LC_ALL=C date --utc --rfc-email --date="$day")
            printf 'commonplace (%s) unstable; urgency=medium\n\n' "$name"
            ;;
        *) fold --spaces --width=75 <<<"$line" | sed -e 's/ *$//' -e 's/^/    /' -e '1s/^    \*/  */' ;;
    esac
done < <(items)
sign
