#!/usr/bin/env bash
# Every test: what parses foreign bytes and what shares memory between threads under the sanitizers, then all tests of the release
# build with warnings as errors, whose summary is the last line.
# usage: run.sh [ctest arguments for the last run]
set -euo pipefail
cd "$(dirname "$0")/.."
jobs=${JOBS:-$(nproc)}
# Another checkout of the same sources finds the same objects.
export CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=1

# Address and undefined behaviour: everything that reads what others wrote.
asan=(base_test recipe_test packages_resolve_test packages_install_test layers_store_test layers_format_test layers_ext4_test
  steps_test sandbox_test http_test registry_client_test ext4_property_test ext4_write_layer_test layers_overlay_test layers_verify_test
  layers_export_test layers_image_diff_test)
# Threads: the pool, the writer's pipeline, the frame cache, the store, recipes that are built side by side.
tsan=(base_test layers_store_test layers_format_test layers_ext4_test layers_verify_test layers_export_test
  builder_build_many_test)

# A sanitizer slows a program down several times: the random tests do fewer rounds.
sanitized() {
  local preset=$1
  shift
  cmake --preset "$preset" >/dev/null
  cmake --build "build/$preset" -j "$jobs" --target "$@" -- --quiet
  local names
  names=$(IFS='|' && echo "$*")
  BLUEPRINT_SEQUENCES=8 ctest --test-dir "build/$preset" -R "^($names)\$" -j "$jobs" --output-on-failure
}

export ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1 UBSAN_OPTIONS=print_stacktrace=1 TSAN_OPTIONS=halt_on_error=1
sanitized asan "${asan[@]}"
sanitized tsan "${tsan[@]}"
unset ASAN_OPTIONS UBSAN_OPTIONS TSAN_OPTIONS

cmake --preset ci >/dev/null
cmake --build build/ci -j "$jobs" -- --quiet
exec ctest --test-dir build/ci -j "$jobs" --output-on-failure "$@"
