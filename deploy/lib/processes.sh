# shellcheck shell=bash
# The processes of the stack: how each is run, whether it runs, whether it is ready.
#
# Each is in a session of its own, so that Ctrl-C reaches only us and we stop them in order; and
# each gets a signal from the kernel when we die, however that happens.
# shellcheck disable=SC2154,SC2034 # shared with deploy/up and supervise.sh

names=()
declare -A kind_of port_of pid_of command_of started_at

# define NAME KIND PORT COMMAND...: PORT is where its state can be asked.
define() {
    local name=$1
    names+=("$name")
    kind_of[$name]=$2
    port_of[$name]=$3
    shift 3
    command_of[$name]=$(printf '%q ' "$@")
}

start() {
    local name=$1 words=() user=() death=TERM
    eval "words=(${command_of[$name]})"
    if [ "${kind_of[$name]}" = postgres ]; then
        death=INT
        # In this order: a process that changes its user forgets what we asked the kernel for.
        [ -z "$pg_user" ] || user=(setpriv --reuid="$pg_user" --regid="$pg_user" --init-groups --)
    fi
    setsid "${user[@]}" setpriv --pdeathsig "$death" -- "${words[@]}" </dev/null >>"$var/log/$name.log" 2>&1 &
    pid_of[$name]=$!
    started_at[$name]=$SECONDS
}

# A process that has ended is a zombie until bash gets round to it, and inside a trap it does not.
is_running() {
    local status
    [ -n "${pid_of[$1]-}" ] || return 1
    { read -r status <"/proc/${pid_of[$1]}/stat"; } 2>/dev/null && [[ ${status##*) } != Z* ]]
}

# The exit code of a process that ended.
exit_code_of() {
    local code=0
    wait "${pid_of[$1]}" 2>/dev/null || code=$?
    echo "$code"
}

# The last thing that a process said, for people.
last_words_of() {
    local line
    line=$(grep -v '^$' "$var/log/$1.log" 2>/dev/null | tail -n 1)
    echo "${line:-it said nothing} (see ${var#"$PWD"/}/log/$1.log)"
}

# probe PORT PATH: does it answer 200? The last line of the answer is left in `answer`.
answer=
probe() {
    local socket status='' line
    answer='no answer'
    { exec {socket}<>"/dev/tcp/127.0.0.1/$1"; } 2>/dev/null || return 1
    { printf 'GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' "$2" >&"$socket"; } 2>/dev/null || :
    if read -rt 2 -u "$socket" status; then
        while line='' && { read -rt 2 -u "$socket" line || [ -n "$line" ]; }; do
            answer=$line
        done
    fi
    exec {socket}>&-
    [[ $status == *' 200 '* ]]
}

is_ready() {
    is_running "$1" || { answer='not running' && return 1; }
    case ${kind_of[$1]} in
    postgres) postgres_answers || { answer='starting' && return 1; } ;;
    example) probe "${port_of[$1]}" /healthz ;;
    *) probe "${port_of[$1]}" /readyz ;;
    esac
}

# wait_ready NAME...: at the first start, a process that ends is the reason to give up.
wait_ready() {
    local name deadline=$((SECONDS + 60))
    for name in "$@"; do
        until is_ready "$name"; do
            give_up_if_ended "$@"
            [ $SECONDS -lt $deadline ] || die "$name is not ready after a minute: $answer"
            pause 0.1
        done
        say "  $name is ready"
    done
}

give_up_if_ended() {
    local each
    for each in "$@"; do
        is_running "$each" || die "$each ended with $(exit_code_of "$each"): $(last_words_of "$each")"
    done
}

# Sleeps without a process; a signal's trap runs at once or right after.
pause() {
    read -rt "$1" -u "$pause_fd" || :
}
