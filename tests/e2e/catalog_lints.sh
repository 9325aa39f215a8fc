#!/usr/bin/env bash
# Every recipe and fragment of the catalog and of the examples is free of faults, and each says what it is.
. "$(dirname "$0")/../support/e2e.sh"
mapfile -t recipes < <(find "$SOURCE/recipes" "$SOURCE/examples" -name '*.yaml' ! -name '*.lock.yaml' | sort)
[ ${#recipes[@]} -ge 20 ] || fail "only ${#recipes[@]} recipes were found"
ok blueprint lint "${recipes[@]}"
for recipe in "${recipes[@]}"; do
  grep -q '^description: ' "$recipe" || fail "$recipe has no description"
done
