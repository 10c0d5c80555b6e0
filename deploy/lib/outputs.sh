# shellcheck shell=bash
# The outputs of the stack: printed once, and in $var/outputs.json exactly while all of it is ready.
#
# The file has each output twice: under its full name ("slip-sockets.controlApi"), and in an object
# named after the stack, as the original's tool writes it.
# shellcheck disable=SC2154 # var and stack_name are deploy/up's

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

print_outputs() {
    local name
    for name in "${output_names[@]}"; do
        say "$stack_name.$name = ${output_values[$name]}"
    done
}
