# shellcheck shell=bash
# The outputs of the stack: printed once, and in $var/outputs.json exactly while all of it is ready.
# For `slip`, which is wanted most when not all of it is, they are from the start of the ring to the
# end of deploy/up in $run too, with the secret that is in use.
#
# The file has each output twice: under its full name ("slip-sockets.controlApi"), and in an object
# named after the stack, as the original's tool writes it.
# shellcheck disable=SC2154 # var, run and stack_name are deploy/up's

output_names=()
declare -A output_values

output() {
    output_names+=("$1")
    output_values[$1]=$2
}

json_string() {
    local text=${1//\\/\\\\}
    printf '"%s"' "${text//\"/\\\"}"
}

outputs_json() {
    local name separator=''
    printf '{\n  %s: {' "$(json_string "$stack_name")"
    for name in "${output_names[@]}"; do
        printf '%s\n    %s: %s' "$separator" "$(json_string "$name")" "$(json_string "${output_values[$name]}")"
        separator=,
    done
    printf '\n  }'
    for name in "${output_names[@]}"; do
        printf ',\n  %s: %s' "$(json_string "$stack_name.$name")" "$(json_string "${output_values[$name]}")"
    done
    printf '\n}\n'
}

publish_outputs() {
    if ! (umask 077 && outputs_json >"$var/.outputs.json.new" && mv "$var/.outputs.json.new" "$var/outputs.json"); then
        die "cannot write to $var"
    fi
}

withdraw_outputs() {
    rm -f "$var/outputs.json"
}

secret_in_use() {
    if [ -n "${JWT_SECRET-}" ]; then
        printf '%s' "$JWT_SECRET"
    else
        cat "$JWT_SECRET_FILE"
    fi
}

publish_run() {
    local new=$var/.run.new
    if ! (umask 077 && rm -rf "$new" && mkdir "$new" && secret_in_use >"$new/jwt_secret" &&
        outputs_json >"$new/outputs.json" && mv -T "$new" "$run"); then
        die "cannot write to $var"
    fi
}

# A machine that lost its power leaves all of it behind.
forget_run() {
    withdraw_outputs
    rm -f "$run/outputs.json" "$run/jwt_secret"
    rmdir "$run" 2>/dev/null || :
}

print_outputs() {
    local name
    for name in "${output_names[@]}"; do
        say "$stack_name.$name = ${output_values[$name]}"
    done
}
