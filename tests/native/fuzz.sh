#!/bin/bash
# Fuzzes what strangers send: each libFuzzer target of tests/native/fuzz (C: RTP, RTCP, STUN and DTLS on RTP ports, checks of ICE, SRTP, SDP, SIP, URIs, bindings, digest, ng replies),
# then those of tests/fuzz (Python: bencode, JSON, SDP, STUN, SIP, URIs, digest), exchanges of ng requests, and whole calls, each played both
# ways. A crash ends it and leaves its input in var/fuzz; of exchanges and calls it tells the seed.
# usage: fuzz.sh [SECONDS] [TARGET ...]     30 seconds each, every target
# Seeds: tests/native/fuzz/corpus/TARGET and tests/fuzz/corpus/TARGET, and the torture messages where whole messages are taken.
set -euo pipefail
seconds=${1:-${SECONDS_EACH:-30}}
[ $# -eq 0 ] || shift
cd "$(dirname "$0")/../.."
clang=
for each in clang clang-16 clang-15 clang-14; do
    [ -n "$clang" ] || clang=$(command -v "$each") || true
done
[ -n "$clang" ] || { echo "clang is missing: apt-get install clang"; exit 1; }
mkdir -p var/fuzz
# its own package, which clang's only recommends
echo 'int LLVMFuzzerTestOneInput(void); int LLVMFuzzerTestOneInput(void) { return 0; }' |
    "$clang" -xc -fsanitize=fuzzer,address,undefined - -o var/fuzz/empty 2>/dev/null ||
    { echo "clang's libFuzzer is missing: apt-get install libclang-rt-$("$clang" -dumpversion | cut -d. -f1)-dev"; exit 1; }
rm var/fuzz/empty
python=${PYTHON:-.venv/bin/python}
everything=$([ $# -gt 0 ] || echo yes)
[ $# -gt 0 ] || set -- tests/native/fuzz/fuzz_*.c
for target in "$@"; do
    name=$(basename "$target" .c)
    target=tests/native/fuzz/$name.c
    case $name in
    fuzz_sip_*) core=native/csip ;;
    fuzz_relay_*) core=native/crelay ;;
    esac
    sources=$(tests/native/core_sources.sh "$core")
    "$clang" -std=c11 -g -O1 -D_GNU_SOURCE -fno-strict-aliasing -Wno-gnu-variable-sized-type-not-at-end -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined \
        "-I$core" "$target" $sources -o "var/fuzz/$name" -lpthread -lcrypto
    mkdir -p "var/fuzz/$name.corpus"
    seeds=()
    [ -d "tests/native/fuzz/corpus/$name" ] && seeds+=("tests/native/fuzz/corpus/$name")
    case $name in fuzz_sip_message | fuzz_sip_frame) seeds+=(tests/torture/rfc4475 tests/torture/rfc5118) ;; esac
    "var/fuzz/$name" -max_total_time="$seconds" -timeout=10 -artifact_prefix="var/fuzz/$name-" -verbosity=0 \
        -print_final_stats=1 "var/fuzz/$name.corpus" "${seeds[@]}"
    echo "$name: clean"
done
[ -n "$everything" ] || exit 0
"$python" -m tests.fuzz.run "$seconds"
"$python" -m tests.fuzz.exchanges "$seconds"
"$python" -m tests.fuzz.calls "$((2 * seconds))"
