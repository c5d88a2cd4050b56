#!/usr/bin/env bash
# Usage: install-reference-parsers.sh DEST
# Puts the parsers that others wrote for safetensors and GGUF (PyPI: safetensors, gguf) into an environment of their own, DEST.
# Prints the path of its Python. Exit codes: 0 ok, 2 wrong usage, 3 cannot be had here.
set -euo pipefail

die() { local rc=$1; shift; echo "install-reference-parsers: $*" >&2; exit "$rc"; }

[ $# -eq 1 ] || die 2 "usage: install-reference-parsers.sh DEST"
dest=$1
python=$dest/bin/python

has_both() { [ -x "$python" ] && "$python" -c 'import safetensors, gguf' 2>/dev/null; }

if ! has_both; then
  command -v python3 >/dev/null || die 3 "python3 is not installed"
  python3 -m venv "$dest" >&2 || die 3 "python3 can make no environment (package python3-venv)"
  "$python" -m pip install --quiet --disable-pip-version-check safetensors==0.8.0 gguf==0.19.0 >&2 ||
    die 3 "safetensors and gguf could not be installed"
  has_both || die 3 "safetensors and gguf do not start"
fi
echo "$python"
