#!/usr/bin/env bash
# The lock of a recipe with a parent: a parent that changed makes it stale, one that is not built leaves that open, and a
# check builds nothing. The parent's archive is trusted by the keyring beside the parent's recipe, for the child as well.
. "$(dirname "$0")/../support/e2e.sh"
need_root
use_tiny
printf 'apiVersion: blueprint/v1\nname: child\nfrom: tiny\nlayers:\n  - packages: [large]\n' >child.yaml
ok blueprint build child.yaml
ok blueprint lock child.yaml --check
out_has "no updates are pending"
# The parent would be built anew: whether the child's lock fits is not known before.
sed -i 's/welcome/good evening/' tiny.yaml
find store -type f ! -path '*/indices/*' -printf '%p %s %T@\n' | sort >before
ok blueprint lock child.yaml --check
out_has "its parent image is not in the store: build it to know whether it changed"
ok blueprint lock child.yaml --check --json
same "$(json 'j["stale"], j["pending"]')" "(False, None)"
find store -type f ! -path '*/indices/*' -printf '%p %s %T@\n' | sort | cmp - before || fail "a check wrote the store"
ok blueprint build tiny.yaml
exits 3 blueprint lock child.yaml --check
err_has "child.lock.yaml is stale: the parent image changed [K020]"
exits 3 blueprint build child.yaml --locked
err_has "the parent image changed [K020]"
cp child.lock.yaml old.lock.yaml
ok blueprint build child.yaml
err_has "rewrote child.lock.yaml: the parent image changed; 0 packages changed"
same "$(grep 'name: large' child.lock.yaml)" "$(grep 'name: large' old.lock.yaml)"
ok blueprint lock child.yaml --check
