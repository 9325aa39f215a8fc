#!/usr/bin/env bash
# With its lock, a recipe builds again from the store's .debs when the mirror is gone, to the same digests.
. "$(dirname "$0")/../support/e2e.sh"
need_root
use_tiny
before=$(image tiny digest)
server fault drop '*'
: >requests
ok blueprint build tiny.yaml --no-cache --offline --locked
out_is "tiny $before"
same "$(cat requests)" ""
# Without the lock there is nothing to replay.
rm tiny.lock.yaml
code=0
blueprint build tiny.yaml --locked >out 2>err || code=$?
same $code 3
err_has "lock"
