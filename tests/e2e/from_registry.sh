#!/usr/bin/env bash
# A recipe and a Dockerfile build on an image of a registry: its tag is pinned in the lock, and once its layers are here
# the same digest comes out with the registry gone.
. "$(dirname "$0")/../support/e2e.sh"
need_root
. "$SUPPORT/registry.sh"
use_tiny
ok blueprint export tiny --format oci -o tiny.tar
start_registry
push oci-archive:tiny.tar acme/base:1.2
push oci-archive:tiny.tar acme/base:1.3
mkdir recipes
from() {
  printf 'apiVersion: blueprint/v1\nname: %s\nfrom: %s\n' "$1" "$2" >"recipes/$1.yaml"
  [ $# = 2 ] || printf 'layers:\n  - %s\n' "$3" >>"recipes/$1.yaml"
}

# Plan asks nobody; the build pins what the tag names, downloads, and runs.
from app "oci://$REGISTRY/acme/base:1.2" '{run: "greeter >/etc/again"}'
exits 10 blueprint plan recipes/app.yaml
out_has "it was not read into this store before"
same "$(requests)" 0 "plan asked the registry"
exits 3 blueprint build recipes/app.yaml --locked
err_has "app.lock.yaml does not exist [K020]"
exits 5 blueprint build recipes/app.yaml --offline
err_has "recipes/app.yaml:3:7: error: the image 'oci://$REGISTRY/acme/base:1.2' is not in the store, and the network may not be used [O011]"
ok blueprint build recipes/app.yaml --progress plain
err_has "base/download: downloading 5 layers, "
pinned=$(skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$REGISTRY/acme/base:1.2")
grep -qF "from: \"$pinned\"" recipes/app.lock.yaml || fail "the lock pins another digest: $(cat recipes/app.lock.yaml)"
grep -qF "{name: \"oci://$REGISTRY/acme/base:1.2\", digest: \"$pinned\"}" recipes/app.lock.yaml || fail "the lock does not name the image"
same "$(requests "/blobs/.*")" 6 "config and layers, once each"
digest=$(image app digest)
ok blueprint cat app /etc/again
out_is "hello again"

# Nothing is asked and nothing written when nothing changed; another store needs the digest only.
before=$(requests)
find "$BLUEPRINT_STORE" -type f -printf '%p %T@ %s\n' | sort >files
ok blueprint build recipes/app.yaml --expect-cached --locked
ok blueprint plan recipes/app.yaml
out_has "nothing to do"
same "$(requests)" "$before" "a cached build asked the registry"
find "$BLUEPRINT_STORE" -type f -printf '%p %T@ %s\n' | sort | cmp files - || fail "a cached build wrote to the store"
BLUEPRINT_STORE=$WORK/other ok blueprint build recipes/app.yaml --locked
same "$(requests "/manifests/1.2")" 1 "a locked build resolved the tag again"
same "$(BLUEPRINT_STORE=$WORK/other image app digest)" "$digest"

# The tag moves: the lock holds, says so, and follows when it is told to.
ok blueprint lock recipes/app.yaml --check
printf 'layer\nfile etc/moved\n' | python3 "$SUPPORT/make_oci.py" moved >moved.digest
push oci:moved acme/base:1.2
ok blueprint build recipes/app.yaml --locked
same "$(image app digest)" "$digest"
exits 3 blueprint lock recipes/app.yaml --check
err_has "the tag of 'oci://$REGISTRY/acme/base:1.2' names $(skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$REGISTRY/acme/base:1.2") now, not $pinned [K020]"
err_has "run 'blueprint lock recipes/app.yaml --update'"
ok blueprint lock recipes/app.yaml --check --offline
cp recipes/app.lock.yaml kept.lock.yaml
ok blueprint lock recipes/app.yaml --update
out_has "- image \`oci://$REGISTRY/acme/base:1.2\` $pinned → "
! grep -q "parent image" out || fail "the change is told twice"
! cmp -s recipes/app.lock.yaml kept.lock.yaml || fail "the lock did not follow the tag"
cp kept.lock.yaml recipes/app.lock.yaml
from app "oci://$REGISTRY/acme/base:1.3" '{run: "greeter >/etc/again"}'
exits 3 blueprint build recipes/app.yaml --locked
err_has "it does not pin 'oci://$REGISTRY/acme/base:1.3' [K020]"
ok blueprint lock recipes/app.yaml
same "$(image app digest)" "$digest"

# By digest, of a copy, and a Dockerfile: the layer is here already, whatever it is called.
blobs=$(requests "/blobs/.*")
from pinned "oci://$REGISTRY/acme/base@$pinned"
printf 'FROM %s/acme/base:1.3 AS base\nRUN greeter >/etc/again\nFROM tiny\nCOPY --from=%s/acme/base:1.3 /etc/greeting /srv/\nCOPY --from=base /etc/again /srv/\n' \
  "$REGISTRY" "$REGISTRY" >Dockerfile
from copies tiny "{copy: {image: \"oci://$REGISTRY/acme/base:1.3\", path: /etc/greeting, to: /srv/greeting}}"
ok blueprint build recipes/pinned.yaml
ok blueprint build recipes/copies.yaml
ok blueprint build -f Dockerfile . -t docker
grep -qF "{name: \"oci://$REGISTRY/acme/base:1.3\", digest: \"$pinned\"}" Dockerfile.lock.yaml || fail "the Dockerfile's lock does not pin its image"
same "$(requests "/blobs/.*")" "$blobs" "a blob was downloaded twice"
docker=$(image docker content_digest)
ok blueprint graph recipes/app.yaml
out_has "image oci://$REGISTRY/acme/base:1.3"
ok blueprint config recipes/app.yaml --plain
out_has "from: oci://$REGISTRY/acme/base:1.3"
touch no-store
BLUEPRINT_STORE=$WORK/no-store/x ok blueprint config -f Dockerfile . --plain
out_has "from: oci://$REGISTRY/acme/base:1.3"

# The registry is gone.
content=$(image app content_digest)
stop_registry
ok blueprint build recipes/app.yaml --locked --offline
same "$(image app digest)" "$digest"
ok blueprint build recipes/app.yaml --locked --offline --no-cache
same "$(image app content_digest)" "$content"
ok blueprint build recipes/pinned.yaml recipes/copies.yaml --locked --offline
ok blueprint build -f Dockerfile . -t docker --locked --offline --no-cache
same "$(image docker content_digest)" "$docker"
ok blueprint cat docker /srv/again
out_is "hello again"
from new "oci://$REGISTRY/acme/base:new"
exits 5 blueprint build recipes/new.yaml
err_has "cannot reach http://$REGISTRY/v2/acme/base/manifests/new"
ok blueprint verify --all
nothing_is_left
