#!/bin/sh
# Makes .venv from the pinned files, or repairs it. Usage: sh requirements/install.sh runtime|dev
# Run from the checkout's root by the Makefile; PYTHON names the interpreter to use.
set -eu

set_name=$1
here=$(pwd)

is_usable() { # Python 3.11 or newer, able to make environments
    "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

find_python() {
    for candidate in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do
        if is_usable "$candidate"; then
            command -v "$candidate"
            return
        fi
    done
    echo "Issuewright needs Python 3.11 or newer with its venv module; tried: ${PYTHON:-python3, python3.11 … python3.14}." >&2
    echo "Debian and Ubuntu: apt-get install python3 python3-venv. Elsewhere, name one: make PYTHON=/path/to/python3.12 …" >&2
    return 1
}

command -v git >/dev/null || { echo "Issuewright needs git on the PATH." >&2; exit 1; }

# A set-up that was cut short, moved, or has lost its interpreter is not trusted: start again.
if [ -e .venv/.unfinished ] || ! .venv/bin/python -m pip --version >/dev/null 2>&1 ||
    { [ -e .venv/.place ] && [ "$(cat .venv/.place)" != "$here" ]; }; then
    python=$(find_python)
    echo "Making the environment in .venv with $("$python" --version) …"
    rm -rf .venv
    mkdir .venv
    touch .venv/.unfinished
    "$python" -m venv .venv
fi

touch .venv/.unfinished
pip() { .venv/bin/python -m pip --quiet --quiet --disable-pip-version-check --no-input "$@"; }

install_runtime() {
    echo "Installing what Issuewright runs on (requirements/runtime.txt); the first time takes a minute …"
    pip install --require-hashes -r requirements/build.txt -r requirements/runtime.txt
    pip install --no-deps --no-build-isolation --no-index --editable .
    touch .venv/.installed-runtime
}

install_dev() {
    [ -e .venv/.installed-runtime ] || install_runtime
    echo "Installing what the tests and checks need (requirements/dev.txt) …"
    pip install --require-hashes -r requirements/dev.txt
    touch .venv/.installed-dev
}

case $set_name in
runtime) install_runtime ;;
dev) install_dev ;;
*)
    echo "Unknown set: $set_name (runtime or dev)" >&2
    exit 2
    ;;
esac

printf '%s' "$here" >.venv/.place
rm .venv/.unfinished
