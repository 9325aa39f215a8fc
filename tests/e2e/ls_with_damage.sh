#!/usr/bin/env bash
# One damaged image does not hide the others: it is listed as damaged, with the reason, and the exit code says so.
. "$(dirname "$0")/../support/e2e.sh"
use_tiny
printf 'apiVersion: blueprint/v1\nname: other\nfrom: tiny\nlayers:\n  - files: [{path: /etc/motd, content: "hi"}]\n' >other.yaml
ok blueprint build other.yaml
digest=$(image other digest)
chmod u+w "store/blobs/sha256/${digest#sha256:}"
echo >>"store/blobs/sha256/${digest#sha256:}"
exits 4 blueprint ls
out_has "damaged"
err_has "S015"
grep -q '^tiny' out || fail "the image that is well is not listed"
exits 4 blueprint ls --json
same "$(json '[(i["tag"], i["damaged"]) for i in j]')" "[('other:latest', True), ('tiny:latest', False)]"
