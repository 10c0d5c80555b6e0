# shellcheck shell=bash
# The Debian packages that building and running need, and how to get the missing ones.
# Used by deploy/up and tests/run.

# shellcheck disable=SC2034
BUILD_PACKAGES=(gcc libc6-dev meson ninja-build pkg-config libzmq3-dev libcurl4-openssl-dev libmsgpack-dev
    libjwt-dev libpq-dev libmicrohttpd-dev libhttp-parser-dev zlib1g-dev libssl-dev)
# shellcheck disable=SC2034
RUN_PACKAGES=(postgresql postgresql-client nodejs ca-certificates util-linux)

# install_missing PACKAGE...: installs those that are not there; needs root or sudo only then.
install_missing() {
    local package missing=() sudo=()
    for package in "$@"; do
        package_is_there "$package" || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || {
            echo "error: missing packages, and neither root nor sudo to install them: ${missing[*]}" >&2
            return 1
        }
        sudo=(sudo)
    fi
    echo "installing ${missing[*]}"
    keep_postgresql_from_starting "${sudo[@]}"
    "${sudo[@]}" apt-get update -qq >/dev/null || true
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# A Node.js, or npm, that did not come from Debian will do as well.
package_is_there() {
    [ "$1" = nodejs ] && command -v node >/dev/null && return 0
    [ "$1" = npm ] && command -v npm >/dev/null && return 0
    dpkg-query -W -f='${Status}' "$1" 2>/dev/null | grep -q 'install ok installed'
}

# Debian's postgresql makes and starts a cluster of its own when it is installed; we want only the
# programs.
keep_postgresql_from_starting() {
    local file=/etc/postgresql-common/createcluster.conf
    [ -e "$file" ] || "$@" sh -c "mkdir -p '${file%/*}' && echo 'create_main_cluster = false' > '$file'"
}
