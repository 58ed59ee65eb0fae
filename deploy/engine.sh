#!/bin/sh
# Runs a command where a container engine can be had: deploy/engine.sh COMMAND …
#
# An engine that answers is used as it is. Failing that, root on Debian may lend one for as long as the
# command runs: it keeps its data in a folder of its own, listens on a unix socket, and everything that it
# changed (packet forwarding, firewall, bridge) is put back. What is missing for that is installed only if
# INSTALL_ENGINE=yes is set. Otherwise the command is skipped, which is said, with the reason.
#
# The command finds DOCKER_HOST as it should be, and in COMPOSE how compose is called.
set -eu
cd "$(dirname "$0")/.."

skip() {
    echo "已跳过：$1 | SKIPPED: $2"
    exit 0
}

find_compose() {
    for candidate in "docker compose" docker-compose .venv/bin/docker-compose; do
        case $($candidate version --short 2> /dev/null) in
            "" | 1.* | v1.*) ;;
            *) COMPOSE=$candidate; export COMPOSE; return ;;
        esac
    done
    skip "没有 docker compose；make .venv/.dev 会装上" "there is no docker compose; make .venv/.dev brings one"
}

# Debian would start the engine at once; a policy against it lasts as long as the installation.
install_engine() {
    policy=/usr/sbin/policy-rc.d
    [ -e "$policy" ] || { printf '#!/bin/sh\nexit 101\n' > "$policy" && chmod +x "$policy" && made_policy=yes; }
    apt-get update -qq >&2
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
        docker.io debootstrap iptables iproute2 > /dev/null
    [ -z "${made_policy:-}" ] || rm "$policy"
}

can_lend() {
    [ "$(id -u)" = 0 ] || skip "没有容器引擎，且不是 root" "no container engine answers, and this is not root"
    if command -v dockerd && command -v debootstrap && command -v iptables; then return; fi > /dev/null
    command -v apt-get > /dev/null || skip "没有容器引擎" "no container engine, and no apt-get to install one"
    [ "${INSTALL_ENGINE:-}" = yes ] || skip "没有容器引擎；允许安装请设 INSTALL_ENGINE=yes" \
        "no container engine; INSTALL_ENGINE=yes would allow to install one"
    install_engine
}

start_engine() {
    home=$(mktemp -d /var/tmp/minqing-engine.XXXXXX)
    forward=$(cat /proc/sys/net/ipv4/ip_forward)
    policy=$(iptables -S FORWARD | head -n 1)
    trap stop_engine EXIT
    trap 'exit 130' INT TERM
    dockerd --data-root "$home/data" --exec-root "$home/exec" --pidfile "$home/pid" \
        --host "unix://$home/socket" > "$home/log" 2>&1 &
    engine=$!
    export DOCKER_HOST="unix://$home/socket"
    until docker info > /dev/null 2>&1; do
        if ! kill -0 "$engine" 2> /dev/null; then tail -n 3 "$home/log" >&2; exit 1; fi
        sleep 0.5
    done
}

stop_engine() {
    kill "$engine" 2> /dev/null || true
    wait "$engine" 2> /dev/null || true
    ip link delete docker0 2> /dev/null || true
    iptables-save | grep -v -i docker | iptables-restore
    # shellcheck disable=SC2086  # "-P FORWARD ACCEPT" are three words
    iptables $policy
    echo "$forward" > /proc/sys/net/ipv4/ip_forward
    rm -rf "$home"
}

if ! docker info > /dev/null 2>&1; then
    can_lend
    start_engine
fi
find_compose
"$@"
