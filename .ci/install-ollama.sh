#!/usr/bin/env bash
# Usage: install-ollama.sh VERSION [DEST]
# Builds one released Ollama version with `go install` and prints the path of the binary.
# The result is kept as DEST/ollama-VERSION/bin/ollama and used again when it is already there.
# DEST is .vscode-test/ollama unless given: there the tests look for it.
# Exit codes: 0 ok, 2 wrong usage, 3 cannot be had here (no go, no C compiler, version unknown), 1 build failed.
# Versions with C++ in the module (0.7 .. 0.29) need headers that Go leaves out of the module:
# set CGO_CXXFLAGS="-O2 -I<dir with nlohmann/, miniaudio/ and stb/>" for those.
# Without these variables C++ is compiled without debug information, in half the time.
set -euo pipefail

die() { local rc=$1; shift; echo "install-ollama: $*" >&2; exit "$rc"; }

[ $# -eq 1 ] || [ $# -eq 2 ] || die 2 "usage: install-ollama.sh VERSION [DEST]"
version=${1#v}
dest=${2:-$(dirname "$0")/../.vscode-test/ollama}
[[ $version =~ ^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.]+)?$ ]] || die 2 "not a version: $1"
mkdir -p "$dest"
dest=$(cd "$dest" && pwd)
bin=$dest/ollama-$version/bin/ollama

if [ -x "$bin" ]; then echo "$bin"; exit 0; fi

command -v go >/dev/null || die 3 "go is not installed"
command -v "${CC:-gcc}" >/dev/null || command -v cc >/dev/null || die 3 "no C compiler found"

work=$(mktemp -d "$dest/.build-XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work" # away from any go.mod
export GOWORK=off GOBIN=$work/bin
export CGO_CFLAGS=${CGO_CFLAGS:--O2 -g0} CGO_CXXFLAGS=${CGO_CXXFLAGS:--O2 -g0}
module=github.com/ollama/ollama

go list -m "$module@v$version" >/dev/null 2>"$work/list.log" ||
  die 3 "version $version is not available: $(tail -n 1 "$work/list.log" | xargs)"

if ! go install -ldflags "-X=$module/version.Version=$version" "$module@v$version" >"$work/build.log" 2>&1; then
  if grep -q 'requires go' "$work/build.log"; then
    die 3 "$(grep -m 1 'requires go' "$work/build.log")"
  fi
  grep -v '^go: downloading' "$work/build.log" | tail -n 15 >&2
  die 1 "build of $version failed"
fi

mkdir -p "$work/out/bin"
mv "$work/bin/ollama" "$work/out/bin/ollama"
# another run may have finished first: keep its result
mv -T "$work/out" "$dest/ollama-$version" 2>/dev/null || [ -x "$bin" ] || die 1 "cannot write $dest/ollama-$version"
echo "$bin"
