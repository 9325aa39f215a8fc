#!/usr/bin/env bash
# Every test: unit and integration tests under the sanitizers, then all tests of the release build with warnings as errors, whose
# summary is the last line.
# usage: run.sh [ctest arguments for the last run]
set -euo pipefail
cd "$(dirname "$0")/.."
jobs=${JOBS:-$(nproc)}

build() {
  local preset=$1
  shift
  cmake --preset "$preset" "$@" >/dev/null
  cmake --build "build/$preset" -j "$jobs" -- --quiet
}

# Sanitizers slow a VM down without looking into it: they run what links our own code.
build asan -DBLUEPRINT_SANITIZED_TESTS_ONLY=ON
ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1 UBSAN_OPTIONS=print_stacktrace=1 \
  ctest --test-dir build/asan -L 'unit|integration' -LE 'network|e2e' -j "$jobs" --output-on-failure
build tsan -DBLUEPRINT_SANITIZED_TESTS_ONLY=ON
TSAN_OPTIONS=halt_on_error=1 \
  ctest --test-dir build/tsan -L 'unit|integration' -LE 'network|e2e' -j "$jobs" --output-on-failure

build ci
exec ctest --test-dir build/ci -j "$jobs" --output-on-failure "$@"
