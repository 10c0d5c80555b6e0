# shellcheck shell=bash
# Keeps the stack up, and takes it down in order.
# shellcheck disable=SC2154 # shared with processes.sh

BACK_OFF_LAST_S=30
STEADY_S=60 # after this long a death is a new story

declare -A restart_at deaths
is_up=no

# One look: who died, who is due again, is all of it ready, has a log grown too long?
supervise() {
    local name
    is_up=yes
    while :; do
        for name in "${names[@]}"; do
            if [ -n "${restart_at[$name]-}" ]; then
                [ "$SECONDS" -lt "${restart_at[$name]}" ] || revive "$name"
            elif ! is_running "$name"; then
                note_death "$name"
            fi
        done
        note_readiness
        bound_logs
        pause 0.5
    done
}

note_death() {
    local name=$1 code many wait_s
    code=$(exit_code_of "$name")
    withdraw_outputs
    is_up=no
    many=${deaths[$name]-0}
    [ $((SECONDS - ${started_at[$name]})) -lt $STEADY_S ] || many=0
    deaths[$name]=$((many + 1))
    wait_s=$((many < 5 ? 1 << many : BACK_OFF_LAST_S))
    # 3: frozen, or declared dead by the others; it asks to be started again.
    [ "$code" -ne 3 ] || wait_s=0
    say "$name died $(cause_of "$code"): $(last_words_of "$name"); starting it again$([ $wait_s -eq 0 ] || echo " in $wait_s s")"
    restart_at[$name]=$((SECONDS + wait_s))
}

# Who ends by himself says why at the end; to whom a signal ends, what he said may mean nothing.
cause_of() {
    if [ "$1" -gt 128 ]; then
        echo "(signal $(kill -l $(($1 - 128)) 2>/dev/null || echo $(($1 - 128)))), last said"
    else
        echo "(exit code $1)"
    fi
}

revive() {
    unset "restart_at[$1]"
    start "$1"
}

note_readiness() {
    local name
    for name in "${names[@]}"; do
        # Asking PostgreSQL costs a process; the router says when it is away.
        [ "${kind_of[$name]}" = postgres ] && is_running "$name" && continue
        is_ready "$name" && continue
        [ $is_up = no ] || say "not ready: $name: $answer"
        withdraw_outputs
        is_up=no
        return
    done
    [ $is_up = no ] || return 0
    publish_outputs
    is_up=yes
    say "ready again"
}

# stop_kind KIND SECONDS: asks all of a kind to leave, and waits that long.
stop_kind() {
    local name deadline=$((SECONDS + $2)) signal=TERM waiting=()
    [ "$1" != postgres ] || signal=INT # fast: TERM would wait for sessions
    for name in "${names[@]}"; do
        [ "${kind_of[$name]}" = "$1" ] || continue
        is_running "$name" || continue
        kill -"$signal" "${pid_of[$name]}" 2>/dev/null || :
        kill -CONT "${pid_of[$name]}" 2>/dev/null || :
        waiting+=("$name")
    done
    [ ${#waiting[@]} -gt 0 ] || return 0
    say "stopping ${waiting[*]}"
    for name in "${waiting[@]}"; do
        while is_running "$name" && [ $SECONDS -lt $deadline ]; do
            pause 0.05
        done
        is_running "$name" || continue
        say "$name does not stop: killing it"
        kill -KILL "${pid_of[$name]}" 2>/dev/null || :
        wait "${pid_of[$name]}" 2>/dev/null || :
    done
}

kill_all() {
    local name
    say "killing everything"
    for name in "${names[@]}"; do
        ! is_running "$name" || kill -KILL "${pid_of[$name]}" 2>/dev/null || :
    done
}

# Clients are sent away and their last events delivered, then the ring is stopped along its way.
stop_all() {
    local drain_s
    withdraw_outputs
    drain_s=$(seconds_of "${DRAIN_SECONDS-10s}")
    trap kill_all INT TERM HUP
    stop_kind edge $((drain_s + $(seconds_of "${CLOSE_TIMEOUT-5s}") + 10))
    stop_kind worker $((drain_s + 10))
    stop_kind router 20
    stop_kind control 20
    stop_kind example 5
    stop_kind postgres 60
}

# seconds_of DURATION: as the programs read it, rounded up.
seconds_of() {
    [[ $1 =~ ^([0-9]+)(ms|s|m|h|d)?$ ]] || { echo 0 && return; }
    case ${BASH_REMATCH[2]} in
    ms) echo $((BASH_REMATCH[1] / 1000 + 1)) ;;
    m) echo $((BASH_REMATCH[1] * 60)) ;;
    h) echo $((BASH_REMATCH[1] * 3600)) ;;
    d) echo $((BASH_REMATCH[1] * 86400)) ;;
    *) echo "${BASH_REMATCH[1]}" ;;
    esac
}
