#!/usr/bin/env bash
# `plan` changes nothing and says which layers would run and why; 0 when none would, 10 when some would.
. "$(dirname "$0")/../support/e2e.sh"
use_tiny
ok blueprint plan tiny.yaml
out_has "nothing to do"
sed -i 's/welcome/good evening/' tiny.yaml
find store -type f -printf '%p %s %T@\n' | sort >before
exits 10 blueprint plan tiny.yaml --json
same "$(json '[l["name"] for l in j["layers"] if l["fate"] == "runs"][:1]')" "['files-1']"
same "$(json 'bool(j["layers"][2]["reasons"])')" True
find store -type f -printf '%p %s %T@\n' | sort | cmp - before || fail "plan wrote the store"
