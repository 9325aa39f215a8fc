#!/usr/bin/env bash
# Two builds of one recipe at once: one builds, the other waits for it and reuses its layers.
. "$(dirname "$0")/../support/e2e.sh"
need_root
use_tiny
# The layer notes each of its runs outside: a line a run, through a file that both see.
printf '  - {name: shared, run: "sleep 2; date +%%N >/etc/once"}\n' >>tiny.yaml
mkdir a b
cp tiny.yaml tiny.lock.yaml keyring.gpg a
cp tiny.yaml tiny.lock.yaml keyring.gpg b
"$BLUEPRINT_BIN/blueprint" build a/tiny.yaml --offline --json >a.json 2>a.err &
first=$!
"$BLUEPRINT_BIN/blueprint" build b/tiny.yaml --offline --json >b.json 2>b.err || fail "the second failed: $(cat b.err)"
wait $first || fail "the first failed: $(cat a.err)"
count=$(python3 -c 'import json, sys; print(sum(not l["cached"] for f in sys.argv[1:] for l in json.load(open(f))["layers"]))' a.json b.json)
same "$count" 1 "layers run in all"
same "$(python3 -c 'import json; print(json.load(open("a.json"))["digest"] == json.load(open("b.json"))["digest"])')" True
