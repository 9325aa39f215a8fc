#!/usr/bin/env bash
# A build with nothing to do writes nothing, starts no process and asks no mirror.
. "$(dirname "$0")/../support/e2e.sh"
use_tiny
first=$(image tiny digest)
find store -type f -printf '%p %s %T@ %C@\n' | sort >before
: >requests
ok blueprint build tiny.yaml
out_is "tiny $first"
find store -type f -printf '%p %s %T@ %C@\n' | sort >after
diff before after >changed || fail "the store was written: $(cat changed)"
same "$(cat requests)" "" "the mirror was asked"
ok blueprint build tiny.yaml --expect-cached --offline
if command -v strace >/dev/null; then
  strace -f -qq -o trace -e trace=execve,connect "$BLUEPRINT_BIN/blueprint" build tiny.yaml >out 2>err || fail "does not build under strace"
  same "$(grep -c execve trace)" 1 "programs started: $(grep execve trace)"
  ! grep -q AF_INET trace || fail "the network was used: $(grep AF_INET trace)"
fi
