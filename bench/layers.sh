#!/usr/bin/env bash
# What writing layers costs, beside the tools that one would use instead, on this machine, in one run.
#
#   tree of 1 GB and 20,000 files (taken from this machine's /usr), 100,000 files of 100 bytes, a changed file, chown -R
#
# Every number is the median of RUNS (3); the trees are in the page cache. Needs e2fsprogs, openssl, zstd and a release build.
# usage: layers.sh BUILD_DIR [WORK_DIR]
set -euo pipefail
build=${1:?usage: layers.sh BUILD_DIR [WORK_DIR]}
tool=$build/bin/layer_tool
work=$(mktemp -d "${2:-${TMPDIR:-/tmp}}/layers-bench-XXXXXX")
trap 'rm -rf "$work"' EXIT
runs=${RUNS:-3}

median() { sort -g | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

# measure COMMAND…: seconds of each run, on stdout; the command's own output goes to $work/out.
measure() {
  local i start end
  for ((i = 0; i < runs; ++i)); do
    prepare
    start=$(date +%s.%N)
    "$@" >"$work/out" 2>"$work/err" || { cat "$work/err" >&2; return 1; }
    end=$(date +%s.%N)
    awk -v a="$start" -v b="$end" 'BEGIN { printf "%.3f\n", b - a }'
  done
}
row() { printf '%-46s %10s  %s\n' "$@"; }
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", a / b }'; }

make_tree() {  # the first files of /usr, in order, up to 20,000 and 1 GB
  mkdir "$work/tree"
  find /usr -xdev -type f -size -16M -size +0 -printf '%s %P\n' | sort -k2 |
    awk '$1 > 16384 || NR % 3 == 0 { if (n < 20000 && s + $1 < 1e9) { n++; s += $1; sub(/^[0-9]+ /, ""); print } }' |
    tar -C /usr -cf - --no-recursion -T - | tar -C "$work/tree" -xf -
}
make_small_files() {  # DIRECTORY COUNT PER_DIRECTORY
  mkdir "$1"
  (cd "$1" && seq -f 'd%g' 1 $(($2 / $3)) | xargs mkdir &&
    seq 0 $(($2 - 1)) | awk -v per="$3" '{ f = sprintf("d%d/file%06d", $1 / per + 1, $1); printf "%100d", $1 > f; close(f) }')
}

mke2fs -V 2>&1 | sed -n 1p; openssl version; zstd --version
printf '%s cpus, load %s\n\n' "$(nproc)" "$(cut -d' ' -f1 /proc/loadavg)"
make_tree
make_small_files "$work/small" 100000 1000
make_small_files "$work/few" 1000 1000
make_small_files "$work/flat" 100000 100000
printf 'tree: %s files, %s MB\n' "$(find "$work/tree" -type f | wc -l)" "$(du -sm --apparent-size "$work/tree" | cut -f1)"

prepare() { rm -rf "$work/image" "$work/image.zst" "$work/store"; }
ours_write() { "$tool" write "$work/store" "$1"; }
peer_mke2fs() { mke2fs -q -t ext4 -d "$1" "$work/image" "$2"; }
peer_all() {
  peer_mke2fs "$work/tree" 2G && openssl dgst -sha256 "$work/image" && zstd -q -3 -T2 -f "$work/image" -o "$work/image.zst"
}

peer=$(measure peer_all | median)
compressed=$(stat -c %s "$work/image.zst")
mke2fs_only=$(measure peer_mke2fs "$work/tree" 2G | median)
ours=$(measure ours_write "$work/tree" | median)
read -r base _ size _ peak <"$work/out"
row 'mke2fs -d + sha256 + zstd -3 -T2, 1 GB' "${peer}s" "$compressed bytes"
row 'mke2fs -d alone' "${mke2fs_only}s"
row 'write_layer, hashed, compressed, stored' "${ours}s" "$size bytes, peak $peak KiB, $(ratio "$ours" "$peer") x all (goal 0.50), $(ratio "$ours" "$mke2fs_only") x mke2fs (goal 1.20)"

# A child layer of the base that is in the store now.
mkdir "$work/change"
first=$(cd "$work/tree" && find . -type f -size -9 -size +1 | sort | head -n 1)
mkdir -p "$work/change/$(dirname "$first")"
prepare() { head -c 8192 /dev/urandom >"$work/change/$first"; }
change=$(measure "$tool" write "$work/store" "$work/change" --parent "$base" | median)
read -r _ _ size _ _ <"$work/out"
row '8 KiB changed in it' "${change}s" "blob $size bytes (goals 0.100 s, 65536)"
prepare() { :; }
chown=$(measure "$tool" chown "$work/store" '' 4711 --parent "$base" | median)
read -r _ _ size _ _ <"$work/out"
row 'chown -R of all of it' "${chown}s" "blob $size bytes (goals 1 s and 1 MiB for 500 MB)"

prepare() { rm -rf "$work/image" "$work/store"; }
peer=$(measure peer_mke2fs "$work/small" 2G | median)
ours=$(measure ours_write "$work/small" | median)
read -r _ _ size _ peak <"$work/out"
row 'mke2fs -d, 100 x 1,000 files of 100 bytes' "${peer}s"
row 'write_layer' "${ours}s" "$size bytes, peak $peak KiB, $(ratio "$ours" "$peer") x (goal 0.50)"

# mke2fs is quadratic in the size of a directory and would take minutes for this one.
few=$(measure ours_write "$work/few" | median)
flat=$(measure ours_write "$work/flat" | median)
row 'write_layer, 1,000 and 100,000 in one directory' "${few}s ${flat}s" "per file $(awk -v a="$flat" -v b="$few" 'BEGIN { printf "%.2f", a / b / 100 }') x (goal 1.30)"
