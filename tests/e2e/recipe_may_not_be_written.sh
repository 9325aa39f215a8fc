#!/usr/bin/env bash
# The first build writes a lock beside the recipe. Where it may not, the error says so before anything is built.
. "$(dirname "$0")/../support/e2e.sh"
need_root
use_tiny
unshare --mount true 2>/dev/null || skip "may not mount"
mkdir committed
write_recipe child '{packages: [large]}'
mount -t tmpfs none committed
cp child.yaml keyring.gpg committed
mount -o remount,ro committed
exits 4 blueprint build committed/child.yaml
err_has "committed/child.lock.yaml"
err_has "Read-only file system"
err_has "a lock is written beside its recipe"
err_has_not "stored"
cp committed/child.yaml committed/keyring.gpg .
ok blueprint build child.yaml
# With its lock beside it, a recipe is read and no more.
mount -o remount,rw committed
cp child.lock.yaml committed
mount -o remount,ro committed
ok blueprint build committed/child.yaml --expect-cached
umount committed
