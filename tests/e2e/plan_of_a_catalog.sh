#!/usr/bin/env bash
# `plan` and `graph` of a directory: what changes in which recipe, and what builds on what.
. "$(dirname "$0")/../support/e2e.sh"
use_tiny
mkdir catalog
cp tiny.yaml tiny.lock.yaml keyring.gpg catalog
for name in one two; do
  printf 'apiVersion: blueprint/v1\nname: %s\nfrom: tiny\nlayers:\n  - files: [{path: /etc/%s, content: x}]\n' $name $name >catalog/$name.yaml
done
exits 10 blueprint plan catalog --json
same "$(json '[(r["name"], r["changes"]) for r in j["recipes"]]')" "[('tiny', False), ('one', True), ('two', True)]"
same "$(json 'len(j["lock"])')" 2
ok blueprint build catalog --quiet
ok blueprint plan catalog
out_is $'0 of 3 recipes change\nnothing to do'
# Only what changes is shown, with its reason and what it took last time.
sed -i 's/content: x/content: y/' catalog/two.yaml
exits 10 blueprint plan catalog
out_has "1 of 3 recipes change"
grep -q "^two  *files-1  *files  *runs .*file /etc/two" out || fail "no row for the layer that runs: $(cat out)"
! grep -q "^one" out || fail "a recipe that does not change is shown"
exits 10 blueprint plan catalog --json
same "$(json '[l["estimated_seconds"] > 0 for l in j["layers"] if l["fate"] == "runs"]')" "[True]"
# A parent that changes: what stands on it is not known.
sed -i 's/welcome/good evening/' catalog/tiny.yaml
exits 10 blueprint plan catalog/one.yaml --json
same "$(json '[(l["recipe"], l["name"], l["fate"]) for l in j["layers"]][-3:]')" "[('tiny', 'users-1', 'unknown'), ('tiny', 'run-1', 'unknown'), ('one', 'files-1', 'unknown')]"

ok blueprint graph catalog
out_is $'tiny  (ubuntu noble, 5 layers)\n├─ one  (1 layer)\n└─ two  (1 layer)'
ok blueprint graph catalog/two.yaml --layers
out_has "   · files-1: files"
ok blueprint graph catalog --dot
out_has '"two" -> "tiny";'
printf 'apiVersion: blueprint/v1\nname: a\nfrom: b\n' >catalog/a.yaml
printf 'apiVersion: blueprint/v1\nname: b\nfrom: a\n' >catalog/b.yaml
for command in graph plan build; do
  exits 3 blueprint $command catalog
  err_has "a recipe cannot be its own parent: a.yaml → b.yaml → a.yaml [R105]"
done
sed -i 's/name: b/name: one/; s/from: a/from: tiny/' catalog/b.yaml
exits 3 blueprint plan catalog
err_has "two recipes are called 'one' [R108]"
sed -i 's/name: one/name: b/; s/from: tiny/from: tinny/' catalog/b.yaml
exits 3 blueprint plan catalog/b.yaml
err_has "there is no recipe and no image 'tinny' to build from [R104]"
err_has "did you mean 'tiny'"
