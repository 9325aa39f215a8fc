#!/usr/bin/env bash
# An image that went out as an OCI archive comes back by `from: oci://` with the same files, from every form that skopeo
# writes; what it was is pinned in the lock, and a second build runs nothing.
. "$(dirname "$0")/../support/e2e.sh"
need_root
need skopeo
use_tiny
ok blueprint export tiny --format oci -o tiny.tar
skopeo --version >versions
copy() { skopeo --insecure-policy copy --quiet "$@" >copied 2>&1 || fail "skopeo: $(cat copied)"; }
copy oci-archive:tiny.tar oci:layout:v1
mkdir plain
copy --dest-decompress oci-archive:tiny.tar dir:plain
copy --dest-compress-format zstd dir:plain oci:squeezed:v1
grep -q 'tar+zstd' squeezed/blobs/sha256/* || fail "skopeo did not compress with zstd"
copy oci-archive:tiny.tar docker-archive:saved.tar:acme/tiny:v1
mkdir recipes
from() {
  printf 'apiVersion: blueprint/v1\nname: %s\nfrom: %s\n' "$1" "$2" >"recipes/$1.yaml"
  [ $# = 2 ] || printf 'layers:\n  - %s\n' "$3" >>"recipes/$1.yaml"
}
listing() {
  blueprint export "$1" --format tar -o listed.tar >/dev/null || fail "$1 cannot be exported"
  tar --numeric-owner --full-time -tvf listed.tar | LC_ALL=C sort -k6
  tar -xOf listed.tar | sha256sum
  rm listed.tar
}
listing tiny >tiny.list
for form in archive=oci://../tiny.tar layout=oci://../layout:v1 squeezed=oci://../squeezed saved=oci://../saved.tar:acme/tiny:v1; do
  name=${form%%=*}
  from "$name" "${form#*=}"
  ok blueprint build "recipes/$name.yaml"
  listing "$name" >"$name.list"
  cmp tiny.list "$name.list" || fail "$name has other files: $(diff tiny.list "$name.list" | head -20)"
  same "$(image "$name" content_digest)" "$(image archive content_digest)" "$name"
done
ok blueprint verify archive
grep -qF "$(skopeo inspect --format '{{.Digest}}' oci:layout:v1)" recipes/layout.lock.yaml || fail "the lock pins another digest"
# Again: nothing runs, nothing is read but manifest and config, also offline.
from child oci://../layout:v1 '{run: "greeter >/etc/again; cmp /etc/again /etc/greeting || cat /etc/again"}'
exits 10 blueprint plan recipes/child.yaml
ok blueprint build recipes/child.yaml
ok blueprint build recipes/child.yaml --expect-cached --offline --locked
ok blueprint plan recipes/child.yaml
out_has "nothing to do"
ok blueprint cat child /etc/again
out_is "hello again"
# Packages could be added, because the image says of itself what it was bootstrapped from.
ok blueprint inspect archive --json
same "$(json "j['labels']['blueprint.distribution']")" "$(image tiny labels | python3 -c 'print(eval(input())["blueprint.distribution"])')"
# What the tag names is another image now.
printf 'layer\nfile new\n' | python3 "$SUPPORT/make_oci.py" other >/dev/null
copy oci:other oci:layout:v1
exits 3 blueprint build recipes/child.yaml --locked
err_has "the parent image changed"
nothing_is_left
