#!/usr/bin/env bash
# gc removes what nothing leads to any more, and nothing else: an image that stays verifies and still builds from its cache.
. "$(dirname "$0")/../support/e2e.sh"
need_root
use_tiny
write_recipe other '{packages: [large]}'
ok blueprint build other.yaml
with_both=$(du -sk store/blobs | cut -f1)
ok blueprint gc --grace 0s
ok blueprint verify other
ok blueprint rm other
ok blueprint gc --grace 0s
ok blueprint verify tiny
ok blueprint build tiny.yaml --expect-cached --offline
[ "$(du -sk store/blobs | cut -f1)" -le "$with_both" ] || fail "the store grew"
exits 4 blueprint inspect other
# A lock file has a name that gc knows.
odd=$(find store/locks -type f | grep -vE '/(index|gc|trees|key-[0-9a-f]{64})$' || true)
same "$odd" "" "lock files that nobody removes"
