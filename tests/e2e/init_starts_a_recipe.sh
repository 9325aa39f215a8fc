#!/usr/bin/env bash
# `init` writes a recipe that builds, by flags or by questions on a terminal; `recipes` and `config` say what there is.
. "$(dirname "$0")/../support/e2e.sh"
need script
mkdir "My Project" catalog
printf 'apiVersion: blueprint/v1\nname: acme/base\ndescription: what all images of acme have. More words.\nfrom: tiny\n' >catalog/base.yaml
printf 'apiVersion: blueprint/v1\nkind: fragment\nname: greeting\ndescription: a greeting\nparams: {text: {type: string, default: hello}}\nlayers:\n  - files: [{path: /etc/motd, content: "${params.text}\\n"}]\n' >catalog/greeting.yaml
printf 'catalogs: [%s]\n' "$WORK/catalog" >config.yaml
export BLUEPRINT_CONFIG=$WORK/config.yaml
cd "My Project" || exit
ok blueprint init --from acme/base --use greeting --package git --package curl
out_is blueprint.yaml
err_has "next: blueprint build blueprint.yaml"
ok blueprint lint blueprint.yaml
grep -qx "name: my-project" blueprint.yaml || fail "another name: $(cat blueprint.yaml)"
ok blueprint config blueprint.yaml
out_has 'packages:'
out_has '- git  # blueprint.yaml:9'
out_has 'catalog/greeting.yaml:7'
ok blueprint config blueprint.yaml --plain
cp "$WORK/out" plain.yaml
ok blueprint lint plain.yaml

exits 2 blueprint init --from acme/base
err_has "blueprint.yaml exists already"
exits 2 blueprint init other.yaml --from acme/bsae
err_has "did you mean 'acme/base'?"
exits 2 blueprint init other.yaml </dev/null
err_has "there is no terminal to ask"
[ ! -e other.yaml ] || fail "a file was written"

# On a terminal: a wrong answer is explained and asked again.
printf 'apiVersion: blueprint/v1\nkind: fragment\nname: pinned\ndescription: a version\nparams: {version: {type: string}, level: {type: int}}\nlayers:\n  - files: [{path: /etc/version, content: "${params.version} ${params.level}\\n"}]\n' >"$WORK/catalog/pinned.yaml"
printf 'acme/bsae\nacme/base\ngreeting pinned\n3.10\n7\ngit\n\n' >"$WORK/answers"
script -qec "'$BLUEPRINT_BIN/blueprint' init asked.yaml" /dev/null <"$WORK/answers" >"$WORK/out" 2>"$WORK/err" || fail "init failed"
out_has "did you mean 'acme/base'?"
grep -qx "from: acme/base" asked.yaml || fail "another parent: $(cat asked.yaml)"
grep -qx "    with: {version: \"3.10\", level: 7}" asked.yaml || fail "no params: $(cat asked.yaml)"
grep -qx "  - use: greeting" asked.yaml || fail "no fragment: $(cat asked.yaml)"
grep -qx "    packages: \[git\]" asked.yaml || fail "no packages: $(cat asked.yaml)"
grep -qx "name: my-project" asked.yaml || fail "another name: $(cat asked.yaml)"

ok blueprint recipes acme
out_has "acme/base"
! grep -q greeting "$WORK/out" || fail "a word does not choose"
ok blueprint recipes greeting
out_has "text"
