#!/bin/sh
# Bring .venv to the state of a requirements file with hashes; nothing is done when nothing changed.
set -eu

requirements=$1
environment=.venv
python=$environment/bin/python
stamp=$environment/.installed-${requirements%.txt}
state="$(pwd) $(sha256sum "$requirements")"

if [ -x "$python" ] && [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$state" ]; then
    exit 0
fi

find_python() {
    for candidate in ${PYTHON_FOR_EIGYO:-} python3.11 python3; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    echo "Python 3.11 が見つかりません。PYTHON_FOR_EIGYO にその場所を指定してください。" >&2
    exit 1
}

with_uv() {
    uv --version >/dev/null 2>&1 || return 1
    "$python" -c '' 2>/dev/null || uv venv --quiet --clear --no-project --python "$1" "$environment" || return 1
    uv pip install --quiet --python "$python" --require-hashes --compile-bytecode -r "$requirements"
}

with_pip() {
    if ! "$python" -m pip --version >/dev/null 2>&1; then
        "$1" -m venv --clear "$environment" || {
            echo "仮想環境を作れません。Debian では apt-get install python3-venv を実行してください。" >&2
            exit 1
        }
    fi
    "$python" -m pip install --quiet --disable-pip-version-check --require-hashes -r "$requirements"
}

found=$(find_python)
echo "$requirements を $environment に入れています。"
with_uv "$found" || with_pip "$found"
echo "$state" >"$stamp"
