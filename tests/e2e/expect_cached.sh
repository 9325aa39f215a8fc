#!/usr/bin/env bash
# `build --expect-cached` runs nothing: it fails, and says which layer missed and why.
. "$(dirname "$0")/../support/e2e.sh"
use_tiny
ok blueprint build tiny.yaml --expect-cached
out_is "tiny sha256:*"
sed -i 's/welcome/good evening/' tiny.yaml
find store -type f -printf '%p %s %T@\n' | sort >before
exits 1 blueprint build tiny.yaml --expect-cached
err_has "layer 'files-1' of 'tiny' is not cached, and the build was to run nothing [X110]"
err_has "it would run because: "
err_has "etc/motd"
find store -type f -printf '%p %s %T@\n' | sort | cmp - before || fail "the store was written"
# Of several, each that misses is told; a lock that would be made anew is a miss too.
printf 'apiVersion: blueprint/v1\nname: other\nfrom: tiny\n' >other.yaml
exits 1 blueprint build tiny.yaml other.yaml --expect-cached --keep-going
out_has "X110"
out_has "its parent 'tiny' failed"
sed -i 's/good evening/welcome/' tiny.yaml
exits 3 blueprint build other.yaml --expect-cached
err_has "other.lock.yaml does not exist"
[ ! -e other.lock.yaml ] || fail "a lock was written"
