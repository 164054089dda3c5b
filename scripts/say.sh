# Sourced by the other scripts: how they speak. Plain lines; colour only on a terminal.
if [ -t 1 ]; then bold=$'\e[1m' dim=$'\e[2m' red=$'\e[31m' plain=$'\e[0m'; else bold='' dim='' red='' plain=''; fi

# What is done next.
step() { printf '%s==> %s%s\n' "$bold" "$*" "$plain"; }
# A detail of it.
note() { printf '%s    %s%s\n' "$dim" "$*" "$plain"; }
# What stands in the way, with what to do about it; ends the script.
refuse() {
    printf '%s%s%s\n' "$red" "$1" "$plain" >&2
    shift
    for line in "$@"; do printf '    %s\n' "$line" >&2; done
    exit 1
}

# True when version $1 is at least version $2.
at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }
