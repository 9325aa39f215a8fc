#!/usr/bin/env bash
# The catalog's Debian images build from the host's own mirror: the one with Docker, the one with NVIDIA's driver (from non-free),
# and what both stand on. Their store is the fixture of the scripts that look into them.
. "$(dirname "$0")/../support/e2e.sh"
need_root
rm -f "$E2E_FIXTURES/catalog.built"
if ! on_debian_12; then
  echo "this host is not Debian 12, so its mirror is not known" >"$E2E_FIXTURES/catalog.skipped"
  skip "$(cat "$E2E_FIXTURES/catalog.skipped")"
fi
# Locks are written beside the recipes; those of the last run stay.
mkdir -p "$E2E_FIXTURES/catalog"
cp -r "$SOURCE/recipes/." "$E2E_FIXTURES/catalog"
catalog "$E2E_FIXTURES/catalog"
export BLUEPRINT_STORE=$E2E_FIXTURES/catalog-store
for variant in dnd gpu; do
  ok blueprint build "runloop/universal-debian-12-x86_64-$variant" --progress plain
  out_is "runloop/universal-debian-12-x86_64-$variant sha256:*"
done
touch "$E2E_FIXTURES/catalog.built"
