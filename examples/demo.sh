#!/usr/bin/env bash
# The main job, once through: a recipe becomes an image of real packages, and a VM boots from it.
# usage: demo.sh PATH_TO_BLUEPRINT
set -euo pipefail
blueprint=$(realpath "${1:?usage: demo.sh PATH_TO_BLUEPRINT}")
top=$(cd "$(dirname "$0")/.." && pwd)
export BLUEPRINT_STORE=${BLUEPRINT_STORE:-$top/build/demo-store}
sudo=()
# Packages are configured as root; without it, the build says so.
if [ "$(id -u)" -ne 0 ] && command -v sudo >/dev/null; then sudo=(sudo --preserve-env=BLUEPRINT_STORE); fi

step() {
  local start end
  echo
  echo "\$ blueprint ${*}"
  start=$(date +%s.%N)
  "${sudo[@]}" "$blueprint" "$@"
  end=$(date +%s.%N)
  awk -v a="$start" -v b="$end" 'BEGIN { printf "(%.2f s)\n", b - a }'
}

step build "$top/examples/hello"
step inspect hello
step run --timing hello -- sh -c 'cat /etc/os-release; systemctl is-system-running --wait'
