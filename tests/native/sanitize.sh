#!/bin/bash
# The C of each extension under the sanitizers: its C tests and its binding tests under ASan and UBSan, the relay under TSan.
# usage: sanitize.sh [sip|relay ...]     everything without arguments
set -euo pipefail
cd "$(dirname "$0")/../.."
python=${PYTHON:-.venv/bin/python}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

WARN=(-std=c11 -g -O1 -D_GNU_SOURCE -fno-strict-aliasing -fno-omit-frame-pointer)

# binding_tests MODULE TESTS...: builds a copy of the tree with the extensions instrumented and runs the tests in it
binding_tests() {
    local module=$1
    shift
    rm -rf "$work/$module" && mkdir "$work/$module"
    cp -r native sipcore media sipmesh tests bench interop docs pyproject.toml setup.py README.md LICENSE "$work/$module/"
    find "$work/$module/native" -name '*.so' -delete
    (
        cd "$work/$module"
        SIPMESH_SANITIZE=address,undefined "$python" setup.py -q build_ext --inplace
        # pytest would keep a report that ends the process for itself
        LD_PRELOAD="$(gcc -print-file-name=libasan.so) $(gcc -print-file-name=libubsan.so)" \
            ASAN_OPTIONS="detect_leaks=0:log_path=$work/report" PYTHONMALLOC=malloc \
            UBSAN_OPTIONS="halt_on_error=1:print_stacktrace=1:log_path=$work/report" \
            "$python" -m pytest -q -p no:cacheprovider --timeout 900 "$@" || { cat "$work"/report.*; exit 1; }
    )
}

relay_core() { tests/native/core_sources.sh native/crelay; }

relay() {
    local wrap=(malloc calloc aligned_alloc free memfd_create ftruncate mmap epoll_create1 eventfd epoll_ctl pthread_create)
    for program in test_early test_rtp test_srtp test_stun test_ice test_raw test_table test_recording churn; do
        local flags=()
        [ "$program" = test_table ] && flags=("${wrap[@]/#/-Wl,--wrap=}")
        gcc "${WARN[@]}" -fsanitize=address,undefined -fno-sanitize-recover=all -Inative/crelay \
            "tests/native/crelay/$program.c" $(relay_core) -o "$work/$program" -lpthread -lcrypto "${flags[@]}"
        "$work/$program" 2
    done
    gcc "${WARN[@]}" -fsanitize=thread -Wno-tsan -Inative/crelay tests/native/crelay/churn.c $(relay_core) -o "$work/churn_tsan" -lpthread -lcrypto
    "$work/churn_tsan" 5
    gcc "${WARN[@]}" -fsanitize=thread -Wno-tsan -Inative/crelay tests/native/crelay/test_recording.c $(relay_core) -o "$work/recording_tsan" -lpthread -lcrypto
    "$work/recording_tsan"
    # resident memory says nothing while ASan keeps what was freed
    binding_tests relay tests/native tests/media tests/fuzz --deselect tests/native/test_relay_c.py \
        -k "((relay or media) and not memory) or nomemory or promise or near_it"
}

sip() {
    local wrap=(malloc realloc free)
    gcc "${WARN[@]}" -fsanitize=address,undefined -fno-sanitize-recover=all -Inative/csip tests/native/csip/test_core.c \
        $(tests/native/core_sources.sh native/csip) -o "$work/test_core" -lcrypto "${wrap[@]/#/-Wl,--wrap=}"
    "$work/test_core"
    # resident memory says nothing while ASan keeps what was freed
    binding_tests sip tests/native tests/sipcore tests/sipmesh tests/fuzz/test_calls.py --deselect tests/native/test_sip_c.py \
        -k "(test_sip or transaction or timers or test_call or test_environment or test_plain or mutations) and not memory"
}

python=$(cd "$(dirname "$python")" && pwd)/$(basename "$python")
[ $# -gt 0 ] || set -- sip relay
for module in "$@"; do
    "$module"
    echo "$module: clean"
done
