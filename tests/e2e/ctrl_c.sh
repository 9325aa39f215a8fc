#!/usr/bin/env bash
# Ctrl-C ends a build with 130 at once, leaves no process and no mount, and the next build goes on from the last finished layer.
. "$(dirname "$0")/../support/e2e.sh"
need_root
use_tiny
printf '  - {name: slow, run: "echo begun; sleep 1000"}\n' >>tiny.yaml
"$BLUEPRINT_BIN/blueprint" build tiny.yaml --offline --verbose --progress plain >out 2>err &
pid=$!
for _ in $(seq 600); do grep -q begun err && break; kill -0 $pid 2>/dev/null || break; sleep 0.1; done
grep -q begun err || fail "the layer did not begin"
kill -INT $pid
code=0
wait $pid || code=$?
same $code 130
err_has interrupted
nothing_is_left
sed -i 's/sleep 1000/true/' tiny.yaml
ok blueprint build tiny.yaml --offline --json
same "$(json '[l["name"] for l in j["layers"] if not l["cached"]]')" "['slow']"
ok blueprint verify tiny
