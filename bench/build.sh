#!/usr/bin/env bash
# Times blueprint beside what one would run instead of it (peer_rootfs.sh), in one run on this machine, and prints a Markdown table.
#
#   cold        empty store, nothing downloaded         | mmdebstrap + untar + mke2fs -d, nothing downloaded
#   debs        only the .debs of the store are kept;   | the same with its .debs at hand
#               indices are fetched and solved again
#   nothing     the recipe and all its inputs unchanged
#   one file    an 8 KiB file of the last layer changed
#
# Rounds alternate between the two, so that what else the machine does hits both; medians are shown. Before the first round each
# side runs once uncounted, which also fills the peer's cache of .debs.
# usage: bench/build.sh [--rounds N] [--out DIR] [--blueprint PROGRAM]     needs root, a Debian 12 host, mmdebstrap, time
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
rounds=3
out=$(mktemp -d "${TMPDIR:-/tmp}/blueprint-bench-XXXXXX")
blueprint=$here/../build/release/bin/blueprint
while [ $# -gt 0 ]; do
  case $1 in
    --rounds) rounds=$2 ;;
    --out) out=$2 ;;
    --blueprint) blueprint=$2 ;;
    *) sed -n '2,14p' "$0" >&2; exit 2 ;;
  esac
  shift 2
done
[ "$(id -u)" = 0 ] || { echo "needs root" >&2; exit 1; }
for program in mmdebstrap mke2fs openssl zstd /usr/bin/time "$blueprint"; do
  command -v "$program" >/dev/null || { echo "needs $program" >&2; exit 1; }
done
mkdir -p "$out"
out=$(cd "$out" && pwd)
results=$out/results
: >"$results"
store=$out/store
recipe=$out/recipe

say() { echo "$*" >&2; }

# timed NAME COMMAND…: appends "NAME seconds KiB" (of its largest process) to the results.
timed() {
  local name=$1 start end
  shift
  start=$EPOCHREALTIME
  /usr/bin/time -o "$out/memory" -f '%M' "$@" >"$out/$name.out" 2>"$out/$name.err" || { cat "$out/$name.err" >&2; exit 1; }
  end=$EPOCHREALTIME
  [ -n "${counted:-}" ] && awk -v n="$name" -v a="$start" -v b="$end" '{ printf "%s %.4f %d\n", n, b - a, $1 }' "$out/memory" >>"$results"
  return 0
}
build() { timed "$1" "$blueprint" build "$recipe/recipe.yaml" --store "$store" --progress json; }

# peer NAME: the steps of peer_rootfs.sh as "NAME.step seconds 0".
peer() {
  "$here/peer_rootfs.sh" "$out/peer" >"$out/peer.out"
  [ -n "${counted:-}" ] && awk -v n="$1" 'NF == 2 && $2 ~ /^[0-9]+\.[0-9][0-9]$/ { print n "." $1, $2, 0 }' "$out/peer.out" >>"$results"
  return 0
}

make_recipe() {
  rm -rf "$recipe"
  mkdir -p "$recipe"
  cat "$here/../examples/dev/without-kernel.yaml" >"$recipe/recipe.yaml"
  printf '  - copy: {from: file, to: /opt/file}\n' >>"$recipe/recipe.yaml"
  head -c 8192 /dev/urandom >"$recipe/file"
}

round() {
  say "  peer, cold"
  peer peer-cold
  say "  blueprint, cold"
  rm -rf "$store" "$recipe"/*.lock.yaml
  build cold
  say "  peer, .debs cached"
  PEER_DEBS=$out/peer-debs peer peer-debs
  say "  blueprint, .debs cached"
  find "$store" -mindepth 1 -maxdepth 1 ! -name debs -exec rm -rf {} +
  rm -f "$recipe"/*.lock.yaml
  build debs
  say "  blueprint, nothing and one file changed"
  for _ in 1 2 3 4 5; do build nothing; done
  for _ in 1 2 3; do
    head -c 8192 /dev/urandom >"$recipe/file"
    build file
  done
}

make_recipe
say "uncounted round"
round
counted=yes
for number in $(seq "$rounds"); do
  say "round $number of $rounds"
  round
done

python3 "$here/build_table.py" "$results" "$out" "$rounds"
echo
echo "Machine: $(nproc) processors ($(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | sed -n 1p)), $(awk '/MemTotal/ { printf "%.0f GiB", $2 / 1048576 }' /proc/meminfo) memory, Linux $(uname -r | cut -d- -f1)."
echo "Versions: $("$blueprint" --version | sed -n 1p); $(mmdebstrap --version); $(mke2fs -V 2>&1 | head -n 1); $(zstd --version | grep -o 'v[0-9.]*' | head -n 1 | sed 's/^/zstd /'); $(runc --version 2>/dev/null | head -n 1)."
say "results are in $out"
