#!/bin/bash
# Runs each libFuzzer target of tests/native/fuzz for SECONDS_EACH (30) seconds; a crash ends it and leaves its input in var/fuzz.
set -euo pipefail
cd "$(dirname "$0")/../.."
clang=$(command -v clang clang-16 clang-15 clang-14 | head -1) || { echo "clang is missing: apt-get install clang"; exit 1; }
mkdir -p var/fuzz
for target in tests/native/fuzz/fuzz_*.c; do
    name=$(basename "$target" .c)
    case $name in
    fuzz_sip_*) core=native/csip ;;
    fuzz_relay_*) core=native/crelay ;;
    esac
    sources=$(grep -L -e 'Python.h' -e '_module.h' "$core"/*.c)
    "$clang" -std=c11 -g -O1 -D_GNU_SOURCE -fno-strict-aliasing -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined \
        "-I$core" "$target" $sources -o "var/fuzz/$name" -lpthread
    mkdir -p "var/fuzz/$name.corpus"
    "var/fuzz/$name" -max_total_time="${SECONDS_EACH:-30}" -artifact_prefix="var/fuzz/$name-" -verbosity=0 "var/fuzz/$name.corpus"
    echo "$name: clean"
done
