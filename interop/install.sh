#!/bin/sh
# Installs the Debian packages that the interop tests and benchmarks drive, and those that the fast path is made and loaded with.
# Does nothing when all are there.
set -eu

missing=""
need() { # command, package
    command -v "$1" >/dev/null 2>&1 || missing="$missing $2"
}
PATH="$PATH:/usr/sbin:/sbin"
need sipp sip-tester
need kamailio kamailio
ls /usr/lib/*/kamailio/modules/tls.so >/dev/null 2>&1 || missing="$missing kamailio-tls-modules"
need rtpengine rtpengine-daemon
need tshark tshark
need chromium chromium
need taskset util-linux
need ip iproute2
need ethtool ethtool
need setpriv util-linux
need clang clang
ldconfig -p | grep -q 'libbpf\.so\.1 ' || missing="$missing libbpf1"
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
    echo "interop: missing:$missing (Debian package names); there is no apt-get here, install them by hand" >&2
    exit 1
fi
sudo=""
if [ "$(id -u)" -ne 0 ]; then
    sudo="sudo"
    if ! command -v sudo >/dev/null 2>&1 || ! sudo -n true 2>/dev/null; then
        echo "interop: missing:$missing; run as root: apt-get install --no-install-recommends$missing" >&2
        exit 1
    fi
fi

# The packages would start their daemons on the ports of the tests; policy-rc.d (status 101) is Debian's way to forbid that.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | $sudo tee "$policy" >/dev/null
    $sudo chmod 755 "$policy"
    trap '$sudo rm -f "$policy"' EXIT INT TERM
fi
echo "interop: installing$missing"
$sudo apt-get update -qq || echo "interop: apt-get update failed; trying with the lists that are there" >&2
# shellcheck disable=SC2086
$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null || {
    echo "interop: apt-get could not install:$missing" >&2
    exit 1
}
