#!/usr/bin/env bash
# kill -9 in the middle of a layer leaves no process and no mount; the next build reuses every finished layer.
. "$(dirname "$0")/../support/e2e.sh"
need_root
serve "$TINY"
write_recipe killed '{packages: [greeter]}' '{run: "echo one >/etc/one"}' '{name: slow, run: "echo begun; sleep 1000"}'
"$BLUEPRINT_BIN/blueprint" build killed.yaml --verbose --progress plain >out 2>err &
pid=$!
for _ in $(seq 900); do grep -q begun err && break; kill -0 $pid 2>/dev/null || break; sleep 0.1; done
grep -q begun err || fail "the layer did not begin"
kill -KILL $pid
wait $pid 2>/dev/null || true
nothing_is_left
sed -i 's/sleep 1000/true/' killed.yaml
ok blueprint build killed.yaml --offline --json
same "$(json '[l["name"] for l in j["layers"] if not l["cached"]]')" "['slow']"
ok blueprint verify killed
