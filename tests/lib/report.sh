# shellcheck shell=bash
# Counting what passed and failed, over all suites.

passed=0
failed=0
failures=()

step() {
    printf '\n== %s (%ds)\n' "$1" "$SECONDS"
}

# check NAME COMMAND...: one test that is a command.
check() {
    local name=$1 output
    shift
    if output=$("$@" 2>&1); then
        passed=$((passed + 1))
        echo "ok   $name"
    else
        failed=$((failed + 1))
        failures+=("$name")
        printf 'FAIL %s\n%s\n' "$name" "$output"
    fi
}

# add PASSED FAILED NAME...
add() {
    passed=$((passed + $1))
    failed=$((failed + $2))
    shift 2
    failures+=("$@")
}

count_meson() {
    local counts
    counts=$(/usr/bin/python3 tests/lib/count.py meson "$1/meson-logs/testlog.json")
    echo "$counts"
    # shellcheck disable=SC2086
    add $counts
}

count_junit() {
    local counts
    counts=$(/usr/bin/python3 tests/lib/count.py junit "$2" "$1")
    echo "$counts"
    # shellcheck disable=SC2086
    add $counts
}

summary() {
    local name
    for name in "${failures[@]}"; do
        echo "failed: $name"
    done
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ]
}
