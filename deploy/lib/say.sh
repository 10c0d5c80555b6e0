# shellcheck shell=bash
# What deploy/up says: one line for each thing that happens, one line when it cannot go on.

# A terminal that went away must not kill us before everything is stopped.
say() {
    printf '%s\n' "$*" 2>/dev/null || :
}

die() {
    printf 'error: %s\n' "$*" >&2 || :
    exit 1
}
