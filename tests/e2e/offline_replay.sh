#!/usr/bin/env bash
# With its lock, a recipe builds again from the kept .debs when the mirror is gone, to the same digest.
. "$(dirname "$0")/../support/e2e.sh"
need_root
use_tiny
before=$(image tiny digest)
server fault drop '*'
: >requests
mkdir other
cp -a store/debs other/
exits 5 blueprint build tiny.yaml --offline --locked --store "$WORK/empty"
ok blueprint build tiny.yaml --offline --locked --store "$WORK/other"
out_is "tiny $before"
same "$(cat requests)" ""
# Without the lock there is nothing to replay.
rm tiny.lock.yaml
code=0
blueprint build tiny.yaml --locked >out 2>err || code=$?
same $code 3
err_has "lock"
