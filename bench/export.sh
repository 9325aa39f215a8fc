#!/usr/bin/env bash
# What reading an image through the export costs, beside nbdkit's memory plugin holding the same bytes, on this machine, in one run.
#
#   sequential: nbdcopy of all data to nothing    random: 100,000 reads of 4 KiB, 64 at once (qemu-img bench)
#   cached: the cache holds all frames            decoded: a cache of 64 MiB, so frames are decompressed and verified again
#
# Every number is the median of RUNS (5). The image is that of STORE and LAYERS (digests, separated by commas), else one that device_bench
# makes. Needs nbdkit, libnbd-bin, qemu-utils and a release build, without STORE one with -DBLUEPRINT_BENCH=ON.
# usage: export.sh BUILD_DIR [WORK_DIR]
set -euo pipefail
build=$(realpath "${1:?usage: export.sh BUILD_DIR [WORK_DIR]}")
work=$(mktemp -d "${2:-${TMPDIR:-/tmp}}/export-bench-XXXXXX")
pids=()
trap 'kill "${pids[@]}" 2>/dev/null; wait; rm -rf "$work"' EXIT
runs=${RUNS:-5}

# serve NAME PLUGIN-WORDS…: on $work/NAME.sock; returns when it answers.
serve() {
  local name=$1
  shift
  nbdkit -f --exit-with-parent -U "$work/$name.sock" "$@" 2>"$work/$name.log" &
  pids+=($!)
  until nbdinfo --size "nbd+unix:///?socket=$work/$name.sock" >"$work/$name.size" 2>/dev/null; do
    kill -0 "${pids[-1]}" || { cat "$work/$name.log" >&2; exit 1; }
  done
}
uri() { printf 'nbd+unix:///?socket=%s' "$work/$1.sock"; }
median() { sort -g | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
seconds() {
  local start end
  start=$(date +%s.%N)
  "$@" >/dev/null
  end=$(date +%s.%N)
  awk -v a="$start" -v b="$end" 'BEGIN { printf "%.3f\n", b - a }'
}
sequential() { nbdcopy "$(uri "$1")" null:; }
random() { qemu-img bench -f raw -c 100000 -d 64 -s 4096 -S 1052672 -t none "$(uri "$1")"; }

plugin=$build/bin/nbdkit-blueprint-plugin.so
if [ -n "${STORE:-}" ]; then
  image=(store="$STORE" layers="$LAYERS")
else
  "$build/bin/device_bench" "$work"
  image=(store="$work/store" layers="$(cat "$work/layers")")
fi
serve cached -r "$plugin" "${image[@]}" cache=1G
serve decoded -r "$plugin" "${image[@]}" cache=64M
serve memory memory "$(cat "$work/cached.size")"
nbdcopy "$(uri cached)" "$(uri memory)"
bytes=$(nbdinfo --map --totals "$(uri cached)" | awk '$NF == "data" { print $1 }')

nbdkit --version; qemu-img --version | head -1
printf '%s cpus, load %s, %s MB of data\n' "$(nproc)" "$(cut -d' ' -f1 /proc/loadavg)" "$((bytes / 1000000))"
for what in sequential random; do
  for name in memory cached decoded; do
    # One after the other in each round, so that other work on the machine meets all alike.
    : >"$work/$what-$name"
  done
  for ((i = 0; i < runs; ++i)); do
    for name in memory cached decoded; do seconds "$what" "$name" >>"$work/$what-$name"; done
  done
  base=$(median <"$work/$what-memory")
  for name in memory cached decoded; do
    time=$(median <"$work/$what-$name")
    awk -v what="$what" -v name="$name" -v time="$time" -v base="$base" -v bytes="$bytes" 'BEGIN {
      rate = what == "random" ? sprintf("%.0f reads/s", 100000 / time) : sprintf("%.2f GB/s", bytes / time / 1e9)
      printf "%-12s %-8s %7.3f s  %16s  %.2f x memory\n", what, name, time, rate, base / time }'
  done
done
awk '/VmHWM/ { printf "peak memory of the export with a cache of 64 MiB: %d MiB\n", $2 / 1024 }' "/proc/${pids[1]}/status"
