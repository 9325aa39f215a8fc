#!/usr/bin/env bash
# A disk that fills up is an error with a hint; finished layers are kept, and with more room the build goes on.
. "$(dirname "$0")/../support/e2e.sh"
need_root
serve "$TINY"
mkdir -p small
unshare --mount true 2>/dev/null || skip "may not mount"
mount -t tmpfs -o size=24m none small
write_recipe big '{packages: [large]}'
exits 4 blueprint build big.yaml --store "$WORK/small/store"
err_has "No space left on device"
err_has "free some space"
nothing_is_left_but_small() { same "$(left_mounts | grep -vc "$WORK/small " || true)" 0 "mounts left"; }
nothing_is_left_but_small
mount -o remount,size=1g "$WORK/small"
ok blueprint build big.yaml --store "$WORK/small/store"
ok blueprint verify big --store "$WORK/small/store"
umount "$WORK/small"
