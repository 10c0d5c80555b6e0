# shellcheck shell=bash
# What the tests need beyond what deploy/up installs.

# shellcheck source=deploy/lib/packages.sh
source deploy/lib/packages.sh

TEST_PACKAGES=(git dpkg-dev clang clang-format clang-tidy cppcheck shellcheck python3 python3-pytest python3-jwt
    python3-jsonschema curl npm libcmocka-dev libwebsockets-dev libclang-rt-14-dev valgrind
    chromium chromium-driver mypy python3-venv python3-setuptools python3-wheel docker.io docker-compose debootstrap iptables iproute2 python3-yaml
    prometheus systemd systemd-container procps groff-base man-db pkg-config g++)

install_packages() {
    install_missing "${BUILD_PACKAGES[@]}" "${RUN_PACKAGES[@]}" "${TEST_PACKAGES[@]}"
}
