#!/usr/bin/env bash
# What layers cost, beside the tools that one would use instead, on this machine, in one run; prints one Markdown table.
#
#   tree        the first files of /usr, FILES (20,000) of them or BYTES (1e9) of data, whichever comes first
#   small       SMALL (100,000) files of 100 bytes, 1,000 to a directory; and all in one directory
#   packages    the files of up to 240 packages of this machine (dpkg -L), and the same with those of 10 packages changed
#
# Peers and ours alternate in each of RUNS (3) rounds, so that what else the machine does meets all alike; medians are shown. "cpu" is
# user and system time: what the code costs where other work shares the processors. A peer that has not ended after PEER_LIMIT (60)
# seconds is ended, and the ratio is then an upper bound. The trees are in the page cache.
#
# SCALE=0.1 makes all of it a tenth; PARTS="tree change read small rebuild" chooses (change and read need tree). Needs e2fsprogs, openssl, zstd and a build with layer_tool; nbdkit, libnbd-bin and qemu-utils for reading.
# usage: layers.sh BUILD_DIR [WORK_DIR]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
build=$(realpath "${1:?usage: layers.sh BUILD_DIR [WORK_DIR]}")
tool=$build/bin/layer_tool
work=$(mktemp -d "${2:-${TMPDIR:-/tmp}}/layers-bench-XXXXXX")
trap 'rm -rf "$work"' EXIT
runs=${RUNS:-3} limit=${PEER_LIMIT:-60} scale=${SCALE:-1}
scaled() { awk -v n="$1" -v s="$scale" 'BEGIN { printf "%d", n * s }'; }
files=$(scaled "${FILES:-20000}") bytes=$(scaled "${BYTES:-1e9}") small=$(scaled "${SMALL:-100000}")
TIMEFORMAT='%3R %3U %3S'

# timed NAME COMMAND…: one run; appends "wall cpu" to NAME.times and leaves what it printed in NAME.out. 124 when it took too long.
timed() {
  local name=$1 status=0
  shift
  { time "$@" >"$work/$name.out" 2>"$work/$name.err"; } 2>"$work/time" || status=$?
  awk '{ printf "%.3f %.3f\n", $1, $2 + $3 }' "$work/time" >>"$work/$name.times"
  [ "$status" != 124 ] || : >"$work/$name.ended"
  [ "$status" = 0 ] || [ "$status" = 124 ] || { cat "$work/$name.err" >&2; return "$status"; }
  return 0
}
median() { sort -g | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
wall() { cut -d' ' -f1 "$work/$1.times" | median; }
cpu() { cut -d' ' -f2 "$work/$1.times" | median; }
field() { cut -d' ' -f"$2" "$work/$1.out"; }  # layer_tool prints: digest content-digest blob-bytes seconds peak-KiB
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", a / b }'; }
megabytes() { awk -v b="$1" 'BEGIN { printf "%.1f MB", b / 1e6 }'; }
both() { printf '%s s (cpu %s)' "$(wall "$1")" "$(cpu "$1")"; }
ratios() { printf '%s × (cpu %s ×)' "$(ratio "$(wall "$1")" "$(wall "$2")")" "$(ratio "$(cpu "$1")" "$(cpu "$2")")"; }
# "< " when the peer of that name was ended before it was done.
bound() { [ ! -e "$work/$1.ended" ] || printf '< '; }
row() { printf '| %s | %s | %s | %s | %s |\n' "$@"; }

make_tree() {
  mkdir "$work/tree"
  find /usr -xdev -type f -size -16M -size +0 -printf '%s %P\n' | LC_ALL=C sort -k2 |
    awk -v files="$files" -v bytes="$bytes" '$1 > 16384 || NR % 3 == 0 {
      if (n < files && s + $1 < bytes) { n++; s += $1; sub(/^[0-9]+ /, ""); print } }' |
    tar -C /usr -cf - --no-recursion -T - | tar -C "$work/tree" -xf -
}
make_small_files() {  # DIRECTORY COUNT PER_DIRECTORY
  mkdir "$1"
  (cd "$1" && seq -f 'd%g' 1 $((($2 + $3 - 1) / $3)) | xargs mkdir &&
    seq 0 $(($2 - 1)) | awk -v per="$3" '{ f = sprintf("d%d/file%06d", $1 / per + 1, $1); printf "%100d", $1 > f; close(f) }')
}
# Another version of a program: the same length, a byte in every 64 another one.
make_newer() {
  python3 -c '
import sys
for name in sys.stdin.read().split("\0"):
    if not name: continue
    data = bytearray(open(name, "rb").read())
    data[::64] = bytes((b + 1) % 256 for b in data[::64])
    open(name, "wb").write(data)'
}
make_packages() {
  local list=$work/packages number=0 package
  mkdir "$work/base" "$work/changed" "$work/child"
  dpkg-query -W -f '${Installed-Size} ${Package}\n' | awk -v most="$(scaled 15000)" '$1 < most { print $2 }' | LC_ALL=C sort >"$list.all"
  awk -v n="$(wc -l <"$list.all")" 'int(NR * 240 / n) != int((NR - 1) * 240 / n)' "$list.all" >"$list"
  : >"$list.changed"
  while read -r package; do
    dpkg -L "$package" | while read -r path; do
      if [ -f "$path" ] && [ ! -L "$path" ]; then printf '%s\0' "${path#/}"; fi
    done >"$list.files"
    tar -C / --null -cf - --no-recursion -T "$list.files" 2>/dev/null | tar -C "$work/base" -xf -
    if [ $((number % 24)) = 7 ]; then cat "$list.files" >>"$list.changed"; fi
    number=$((number + 1))
  done <"$list"
  cp -a "$work/base" "$work/newer"
  (cd "$work/newer" && make_newer <"$list.changed" && tar --null -cf - --no-recursion -T "$list.changed") | tar -C "$work/changed" -xf -
  # A child that only has files: 300 MB of the tree.
  (cd "$work/tree" && find . -type f -printf '%s %P\n' | LC_ALL=C sort -k2 |
    awk -v most="$(scaled 300000000)" 's + $1 < most { s += $1; sub(/^[0-9]+ /, ""); print }' | tar -cf - -T -) |
    tar -C "$work/child" -xf -
}

write_ours() { "$tool" write "$work/store" "$@"; }
peer_mke2fs() { timeout "$limit" mke2fs -q -t ext4 -d "$1" "$work/image" "$2"; }
peer_all() {
  mke2fs -q -t ext4 -d "$work/tree" "$work/image" 2G && openssl dgst -sha256 "$work/image" &&
    zstd -q -3 -T2 -f "$work/image" -o "$work/image.zst"
}
fresh() { rm -rf "$work/image" "$work/image.zst" "$work/store"; }

write_tree() {
  local i device
  # Little more than its data, so that random reads meet data.
  device=$(du -sm --apparent-size "$work/tree" | awk '{ print (int($1 * 1.1 / 128) + 2) * 128 }')
  for ((i = 0; i < runs; ++i)); do
    fresh
    timed mke2fs peer_mke2fs "$work/tree" 2G
    fresh
    timed all peer_all
    fresh
    timed tree write_ours "$work/tree" --device "$device"
  done
  row "ext4 from $(find "$work/tree" -type f | wc -l) files, $(du -sm --apparent-size "$work/tree" | cut -f1) MiB, hashed, compressed, stored" \
    "$(both tree)" "\`mke2fs -d\` + sha256 + \`zstd -3 -T2\`: $(both all)" "$(ratios tree all)" '≤ 0.5 ×'
  row 'the same' "$(both tree)" "\`mke2fs -d\` alone: $(both mke2fs)" "$(ratios tree mke2fs)" '≤ 1.2 ×'
  row 'peak memory of the writer' "$(awk -v k="$(field tree 5)" 'BEGIN { printf "%.0f MiB", k / 1024 }')" '–' '–' '≤ 256 MiB'
  local gzipped
  gzipped=$(tar -C "$work/tree" --sort=name -cf - . | gzip -6 | wc -c)
  row 'image blob' "$(megabytes "$(field tree 3)")" "tar + \`gzip -6\`: $(megabytes "$gzipped")" \
    "$(ratio "$(field tree 3)" "$gzipped") ×" '≤ 0.95 ×'
}

change_tree() {
  local base first i
  base=$(field tree 1)
  first=$(cd "$work/tree" && find . -type f -size -9 -size +1 | LC_ALL=C sort | sed -n 1p)
  mkdir -p "$work/change/$(dirname "$first")"
  for ((i = 0; i < 2 * runs + 1; ++i)); do
    head -c 8192 /dev/urandom >"$work/change/$first"
    timed change write_ours "$work/change" --parent "$base"
    timed chown "$tool" chown "$work/store" '' 4711 --parent "$base"
  done
  row '8 KiB changed in it (the writer; `bench/build.sh` has the whole command)' "$(both change), $(field change 3) bytes" '–' '–' \
    '≤ 100 ms, ≤ 64 KiB'
  row '`chown -R` of all of it' "$(both chown), $(field chown 3) bytes" '–' '–' '≤ 1 s, ≤ 1 MiB (for 500 MB)'
}

# The lines of export.sh as rows: what, name, seconds, "s", rate and its unit, ratio.
read_tree() {
  STORE=$work/store LAYERS=$(field tree 1) "$here/export.sh" "$build" "$work" >"$work/export"
  awk 'function row(what, goal) { printf "| %s | %s %s | `nbdkit memory`: %s | %s × | %s |\n", what, $5, $6, memory[$1], $7, goal }
    $2 == "memory" { memory[$1] = $5 " " $6 }
    $1 == "sequential" && $2 == "cached" { row("sequential read through the export, cache holds the image", "≥ 0.5 ×, aim 2 GB/s") }
    $1 == "sequential" && $2 == "decoded" { row("the same, cache of 64 MiB: every frame decoded and verified", "–") }
    $1 == "random" && $2 == "cached" { row("random reads of 4 KiB, cache holds the image", "≥ 50,000/s") }
    /^peak/ { printf "| peak memory of the export, cache of 64 MiB | %s MiB | – | – | ≤ 64 MiB + cache |\n", $(NF - 1) }' "$work/export"
}

write_small() {
  local i few=$((small / 100))
  make_small_files "$work/small" "$small" 1000
  make_small_files "$work/few" "$few" "$few"
  make_small_files "$work/flat" "$small" "$small"
  for ((i = 0; i < runs; ++i)); do
    fresh
    timed mke2fs-small peer_mke2fs "$work/small" 2G
    fresh
    timed small write_ours "$work/small"
    timed few write_ours "$work/few"
    timed flat write_ours "$work/flat"
  done
  fresh
  timed mke2fs-flat peer_mke2fs "$work/flat" 2G
  row "$small files of 100 bytes, 1,000 to a directory" "$(both small)" "\`mke2fs -d\`: $(both mke2fs-small)" "$(bound mke2fs-small)$(ratios small mke2fs-small)" '≤ 0.5 ×'
  row "$small files of 100 bytes in one directory" "$(both flat)" "\`mke2fs -d\`: $(both mke2fs-flat)" "$(bound mke2fs-flat)$(ratios flat mke2fs-flat)" '≤ 0.5 ×'
  row "the same, per file, against a directory of $few" "$(both flat)" "ours: $(both few)" \
    "$(awk -v a="$(cpu flat)" -v b="$(cpu few)" -v n="$small" -v m="$few" 'BEGIN { printf "cpu %.2f ×", a / n / (b / m) }')" '≤ 1.3 ×'
  rm -rf "$work/small" "$work/few" "$work/flat"
}

rebuild_base() {
  make_packages
  fresh
  timed base write_ours "$work/base"
  timed child write_ours "$work/child" --parent "$(field base 1)"
  timed newer write_ours "$work/newer" --cite "$(field base 1)"
  timed again write_ours "$work/child" --parent "$(field newer 1)" --cite "$(field child 1)" --known "$(field child 1)"
  local changed stored
  changed=$(tar -C "$work/changed" --sort=name -cf - . | zstd -q -3 | wc -c)
  stored=$(($(field newer 3) + $(field again 3)))
  row "base of $(wc -l <"$work/packages") packages ($(megabytes "$(field base 3)")) with 10 newer, and a child of files ($(megabytes "$(field child 3)")): new bytes" \
    "$(megabytes "$(field newer 3)") + $(megabytes "$(field again 3)")" "changed files, \`zstd -3\`: $(megabytes "$changed")" \
    "$(awk -v s="$stored" -v c="$changed" 'BEGIN { printf "%.2f × after 2 MiB", (s - 2097152) / c }')" '≤ 1.1 × + 2 MiB'
  row 'the child re-applied, nothing of it read' "$(both again)" "the child written: $(both child)" "$(ratios again child)" '–'
}

mke2fs -V 2>&1 | sed -n 1p
openssl version
zstd --version
printf '%s cpus, load %s, scale %s\n\n' "$(nproc)" "$(cut -d' ' -f1 /proc/loadavg)" "$scale"
make_tree
row what ours peer ratio goal
row --- --- --- --- ---
for part in ${PARTS:-tree change read small rebuild}; do
  case $part in
    tree) write_tree ;;
    change) change_tree ;;
    read) if command -v nbdkit nbdcopy qemu-img >/dev/null; then read_tree; fi ;;
    small) write_small ;;
    rebuild) if command -v dpkg-query >/dev/null; then rebuild_base; fi ;;
  esac
done
printf '\nload %s at the end\n' "$(cut -d' ' -f1 /proc/loadavg)"
