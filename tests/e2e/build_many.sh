#!/usr/bin/env bash
# Several recipes are one graph: what they share is built once, what fails takes only what stands on it along, and a table says
# what became of each. A directory stands for the recipes in it, without fragments and files of other languages.
. "$(dirname "$0")/../support/e2e.sh"
need_root
use_tiny
mkdir catalog
cp tiny.yaml tiny.lock.yaml keyring.gpg catalog
printf 'services: {}\n' >catalog/compose.yaml
printf 'apiVersion: blueprint/v1\nkind: fragment\nname: part\ndescription: x\nlayers:\n  - files: [{path: /etc/part, content: x}]\n' >catalog/part.yaml
recipe() {
  local name=$1
  printf 'apiVersion: blueprint/v1\nname: %s\nfrom: %s\nlayers:\n' "$name" "$2" >"catalog/$name.yaml"
  shift 2
  printf '  - %s\n' "$@" >>"catalog/$name.yaml"
}
for name in shared one two; do
  from=shared
  [ $name = shared ] && from=tiny
  recipe $name $from "{run: \"echo $name >/etc/$name; date +%N >/etc/when-$name\"}" '{use: part}'
done
ok blueprint build catalog --json
same "$(json '[(r["recipe"], r["result"], r["layers_run"]) for r in j]')" "[('tiny', 'cached', 0), ('shared', 'built', 2), ('one', 'built', 2), ('two', 'built', 2)]"
same "$(json 'all(r["digest"].startswith("sha256:") and r["seconds"] > 0 and r["asked"] for r in j)')" True
same "$(grep -c 'shared/run-1: run-1 (run)' err)" 1 "times that the shared layer ran"
# Both have the same bytes of it.
ok blueprint cat one /etc/when-shared
when=$(cat out)
ok blueprint cat two /etc/when-shared
out_is "$when"
nothing_is_left

# Nothing changed: a table, and the parent that was not asked for is in it.
ok blueprint build catalog/one.yaml catalog/two.yaml
[ "$(awk '{ print $1, $2 }' out | tr '\n' ';')" = "RECIPE RESULT;tiny cached;shared cached;one cached;two cached;" ] || fail "another table"
out_has "LAYERS RUN"
out_has "0 of 2"

# A layer that fails, one that cannot be read, and what stands on the first.
recipe bad shared '{run: "echo woe; exit 7"}'
recipe child bad '{run: "true"}'
recipe late tiny '{run: "echo late >/etc/late"}'
printf 'apiVersion: blueprint/v1\nname: broken\nfrom: tiny\nlayrs: []\n' >catalog/broken.yaml
exits 3 blueprint build catalog
err_has "unknown key 'layrs'"
same "$(cat out)" "" "without --keep-going nothing is built"
exits 1 blueprint build catalog --keep-going --json
same "$(json '[(r["recipe"].split("/")[-1], r["result"], r.get("code", r.get("reason"))) for r in j if r["result"] in ("failed", "skipped")]')" \
  "[('bad', 'failed', 'X100'), ('broken.yaml', 'failed', 'R012'), ('child', 'skipped', \"its parent 'bad' failed\")]"
same "$(json '[r["result"] for r in j if r["recipe"] == "late"]')" "['built']"
err_has "while building 'bad'"
err_has "| woe"
rm catalog/broken.yaml
exits 1 blueprint build catalog -k
out_has "its parent 'bad' failed"

exits 2 blueprint build catalog --tag x
err_has "U016"
nothing_is_left
