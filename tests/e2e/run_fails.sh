#!/usr/bin/env bash
# A run layer that fails shows its command, its last 40 lines, its exit code, and how to get a shell in its root.
. "$(dirname "$0")/../support/e2e.sh"
need_root
use_tiny
cat >>tiny.yaml <<'YAML'
  - name: breaks
    run: |
      seq 1 100
      echo "left behind" >/etc/evidence
      exit 42
YAML
exits 1 blueprint build tiny.yaml --offline
err_has "breaks"
err_has "exit code 42"
err_has "seq 1 100"
grep -qE '(^| )100$' err || fail "the last line of the output is missing"
grep -qE '(^| )61$' err || fail "the last 40 lines are not all there"
! grep -qE '(^| )60$' err || fail "more than the last 40 lines are shown"
err_has "blueprint shell --failed"
# Finished layers are kept.
ok blueprint inspect tiny --json
sed -i 's/exit 42/exit 0/' tiny.yaml
ok blueprint build tiny.yaml --offline --json
same "$(json '[l["name"] for l in j["layers"] if not l["cached"]]')" "['breaks']"
ok blueprint cat tiny /etc/evidence
nothing_is_left
