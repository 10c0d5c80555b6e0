# shellcheck shell=bash
# Bounds the logs in $var/log: for each process at most one that is written, and the one before.
# shellcheck disable=SC2154 # var is deploy/up's

LOG_CHECK_S=2

logs_checked_at=0

# Begins a log anew when it is larger than $log_file_bytes. It is copied and emptied: who writes it
# appends, and does not notice. (A line that is written between the two is lost.)
bound_logs() {
    local file
    [ $SECONDS -ge $((logs_checked_at + LOG_CHECK_S)) ] || return 0
    logs_checked_at=$SECONDS
    while IFS= read -r -d '' file; do
        cp "$file" "$file.old" 2>/dev/null || :
        : >"$file" || :
    done < <(find "$var/log" -name '*.log' -size "+${log_file_bytes}c" -print0 2>/dev/null)
}
