# shellcheck shell=bash
# The private PostgreSQL cluster in $var/postgres; never the system's.
#
#   prepare_postgres    makes the cluster if there is none
#   last_pg_port        the port it had
#   keep_pg_port PORT   the port it gets
#   define_postgres     tells processes.sh how it is run
#   prepare_database    role and database, once it answers; sets database_url
# shellcheck disable=SC2154 # var, root and lib are deploy/up's

pg_user=
pg_bin=
pg_dir=
pg_port=

# PostgreSQL refuses to run as root; Debian's package brings a user for it.
as_pg_user() {
    if [ -n "$pg_user" ]; then
        (cd / && setpriv --reuid="$pg_user" --regid="$pg_user" --init-groups -- "$@")
    else
        "$@"
    fi
}

prepare_postgres() {
    local data version
    [ "$(id -u)" -ne 0 ] || pg_user=postgres
    pg_dir=$var/postgres
    place_postgres
    data=$pg_dir/data
    version=$(as_pg_user cat "$data/PG_VERSION" 2>/dev/null || newest_postgres)
    pg_bin=/usr/lib/postgresql/$version/bin
    [ -x "$pg_bin/postgres" ] || die "$data is of PostgreSQL ${version:-?}, which is not installed"
    if ! as_pg_user test -s "$data/PG_VERSION"; then
        say "making a PostgreSQL $version cluster in ${pg_dir#"$root"/}"
        make_cluster "$data" >"$var/log/initdb.log" 2>&1 ||
            die "initdb failed: $(tail -n 1 "$var/log/initdb.log") (see $var/log/initdb.log)"
    fi
}

newest_postgres() {
    local folder newest=
    for folder in /usr/lib/postgresql/*/; do
        newest=$(printf '%s\n' "$newest" "$(basename "$folder")" | sort -n | tail -n 1)
    done
    echo "$newest"
}

# Its user may not be able to enter our folder (a clone under /root): then the cluster lies
# elsewhere, and a link says where.
place_postgres() {
    local elsewhere
    if [ ! -e "$pg_dir" ]; then
        if as_pg_user test -x "$var"; then
            mkdir "$pg_dir" || die "cannot write to $var"
        else
            elsewhere=/var/lib/slip-sockets/$(printf '%s' "$var" | cksum | cut -d' ' -f1)
            say "user $pg_user cannot enter $var: its data goes to $elsewhere"
            mkdir -p "$elsewhere" || die "cannot write to $elsewhere"
            ln -sn "$elsewhere" "$pg_dir" || die "cannot write to $var"
        fi
        chmod 700 "$pg_dir/."
        [ -z "$pg_user" ] || chown "$pg_user:" "$pg_dir/."
    fi
    pg_dir=$(realpath "$pg_dir")
}

make_cluster() {
    local data=$1 owner
    owner=$(as_pg_user id -un)
    as_pg_user rm -rf "$data.new"
    as_pg_user "$pg_bin/initdb" -D "$data.new" -U "$owner" --encoding=UTF8 --locale=C.UTF-8 \
        --auth-local=peer --auth-host=scram-sha-256 &&
        as_pg_user tee "$data.new/pg_hba.conf" <<EOT &&
# The owner of the cluster without a password, everybody else with one.
local all "$owner"              peer
local all all                   scram-sha-256
host  all all 127.0.0.1/32      scram-sha-256
EOT
        as_pg_user mv "$data.new" "$data"
}

# The port that it had last time, so that it has it again if nobody has taken it; 0 if there is none.
last_pg_port() {
    cat "$var/postgres_port" 2>/dev/null || echo 0
}

keep_pg_port() {
    pg_port=$1
    echo "$pg_port" >"$var/postgres_port"
}

# Paths of sockets are short (unix(7)).
pg_socket_dir() {
    local folder=$pg_dir
    if [ ${#folder} -gt 80 ]; then
        folder=/tmp/slip-postgres-$(printf '%s' "$pg_dir" | cksum | cut -d' ' -f1)
        as_pg_user mkdir -m 700 -p "$folder"
    fi
    echo "$folder"
}

define_postgres() {
    pg_socket=$(pg_socket_dir)
    define postgres postgres "$pg_port" "$pg_bin/postgres" -D "$pg_dir/data" -c "port=$pg_port" \
        -c listen_addresses=127.0.0.1 -c "unix_socket_directories=$pg_socket"
}

postgres_answers() {
    "$pg_bin/pg_isready" -q -h 127.0.0.1 -p "$pg_port" -t 2
}

pg_query() {
    as_pg_user "$pg_bin/psql" -X -q -v ON_ERROR_STOP=1 -h "$pg_socket" -p "$pg_port" -d postgres
}

prepare_database() {
    local password file=$var/postgres_password
    keep_secret "$file"
    password=$(cat "$file")
    pg_query >"$var/log/database.log" 2>&1 <<EOT || die "PostgreSQL: $(tail -n 1 "$var/log/database.log")"
select 'create role slip login' where not exists (select from pg_roles where rolname = 'slip') \gexec
alter role slip password '$password';
select 'create database slip owner slip' where not exists (select from pg_database where datname = 'slip') \gexec
EOT
    database_url=postgresql://slip:$password@127.0.0.1:$pg_port/slip
}

# A database of the operator's: does it answer?
check_database() {
    local answer
    answer=$(PGCONNECT_TIMEOUT=5 psql -X -d "$database_url" -Atc 'select 1' 2>&1) ||
        die "the database of DATABASE_URL does not answer: $(head -n 1 <<<"$answer")"
}
