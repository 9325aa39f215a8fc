#!/usr/bin/env bash
# `from` an image of the store, by tag, by version and by digest; what is not there has near names.
. "$(dirname "$0")/../support/e2e.sh"
need_root
use_tiny
mkdir child
cd child || exit
ok blueprint tag tiny acme/base:v2
digest=$(image tiny digest)
recipe() { printf 'apiVersion: blueprint/v1\nname: child\nfrom: %s\nlayers:\n  - files: [{path: /etc/child, content: "x"}]\n' "$1" >child.yaml; }
for from in tiny tiny:latest acme/base:v2 "$digest"; do
  recipe "$from"
  ok blueprint build child.yaml
  same "$(sed -n 's/^from: "\(.*\)"/\1/p' child.lock.yaml)" "$digest" "$from"
done
ok blueprint build child.yaml --expect-cached --locked
ok blueprint cat child /etc/greeting
out_has "hello again"
recipe acme/bose:v2
exits 3 blueprint build child.yaml
err_has "child.yaml:3:7: error: there is no recipe and no image 'acme/bose:v2' to build from [R104]"
err_has "did you mean 'acme/base:v2'?"
exits 3 blueprint plan child.yaml
err_has "did you mean 'acme/base:v2'?"
exits 3 blueprint lock child.yaml
err_has "[R104]"

# Files of an image, which the lock pins too; what is copied is the layer's key, and not which image it was.
printf 'apiVersion: blueprint/v1\nname: taker\nfrom: scratch\nlayers:\n  - copy: {image: "acme/base:v2", path: "/etc/greet*", to: /}\n' >taker.yaml
ok blueprint build taker.yaml
grep -qF "  - {name: \"acme/base:v2\", digest: \"$digest\"}" taker.lock.yaml || fail "the lock does not pin the image: $(cat taker.lock.yaml)"
ok blueprint lock taker.yaml --check --offline
ok blueprint tag child acme/base:v2
exits 3 blueprint build taker.yaml --locked
err_has "the images that it copies from changed [K020]"
ok blueprint build taker.yaml --json
same "$(json '[l["cached"] for l in j["layers"]]')" "[True]"
ok blueprint cat taker /greeting
out_has "hello again"

# What cannot be.
printf 'apiVersion: blueprint/v1\nname: empty\nfrom: scratch\n' >empty.yaml
exits 3 blueprint build empty.yaml
err_has "empty.yaml:3:7: error: 'empty' is built from scratch and has no layer [R106]"
printf 'apiVersion: blueprint/v1\nname: unpacked\nfrom: tiny\nlayers:\n  - copy: {from: ., to: /srv, unpack: true}\n' >unpacked.yaml
exits 3 blueprint build unpacked.yaml
err_has "unpacked.yaml:5:18: error: '.' is no archive that could be unpacked: it is a directory [R113]"
