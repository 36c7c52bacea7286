#!/bin/bash
# The C files of a folder that know nothing of Python, whatever headers they include by others.
# usage: core_sources.sh FOLDER
set -euo pipefail
for source in "$1"/*.c; do
    case $(gcc -M -MG -D_GNU_SOURCE "$source") in
    *Python.h*) ;;
    *) echo "$source" ;;
    esac
done
