#!/usr/bin/env bash
# `plan` lists the tests that would run, and `build --expect-cached` runs none: it fails when they have not passed before.
. "$(dirname "$0")/../support/e2e.sh"
need_root
use_tiny
printf 'apiVersion: blueprint/v1\nname: child\nfrom: tiny\nlayers:\n  - files: [{path: /etc/child, content: x}]\ntests:\n  - {run: "test -e /etc/child"}\n  - {run: "cat /etc/child", expect: y}\n' >child.yaml
fates() { json '[(r["name"], r.get("tests", {}).get("fate"), len(r.get("tests", {}).get("scripts", []))) for r in j["recipes"]]'; }

# Not built: whether they run depends on what comes out.
exits 10 blueprint plan child.yaml --json
same "$(fates)" "[('tiny', None, 0), ('child', 'unknown', 2)]"

# Built and not tested.
ok blueprint build child.yaml --no-tests
exits 10 blueprint plan child.yaml --json
same "$(fates)" "[('tiny', None, 0), ('child', 'runs', 2)]"
same "$(json '[l["fate"] for l in j["layers"] if l["recipe"] == "child"]')" "['cached']"
exits 10 blueprint plan child.yaml
grep -q '^child  *tests  *test  *runs .*did not pass for this image yet: cat /etc/child$' out || fail "no row for the test: $(cat out)"
exits 1 blueprint build child.yaml --expect-cached
err_has "the tests of 'child' have not passed for this image yet, and the build was to run nothing [X113]"
err_has "it would run the test: cat /etc/child"
! grep -q "testing child" err || fail "a test ran"
ok blueprint build child.yaml --expect-cached --no-tests

# Tests that fail are not tests that passed.
exits 1 blueprint build child.yaml
err_has "T002"
exits 1 blueprint build child.yaml --expect-cached
err_has "X113"

# Passed: nothing is left to do, until the tests are others.
sed -i 's/expect: y/expect: x/' child.yaml
ok blueprint build child.yaml
ok blueprint build child.yaml --expect-cached
ok blueprint plan child.yaml
out_has "nothing to do"
grep -q '^child  *tests  *test  *cached' out || fail "no row for tests that passed: $(cat out)"
sed -i 's/expect: x/expect: x$/' child.yaml
exits 10 blueprint plan child.yaml --json
same "$(fates)" "[('tiny', None, 0), ('child', 'runs', 2)]"
