#!/usr/bin/env bash
# A registry that sends other bytes than it should is named, with what came, and nothing of it is kept; what a killed
# download had finished is not fetched again.
. "$(dirname "$0")/../support/e2e.sh"
need_root
# A registry is GET on three kinds of paths, so files and a server that breaks them on request make one.
make() {
  local directory=site/v2/acme/$1 config
  printf 'layer\nfile etc/one one\nlayer\nfile etc/two %s\n' "$(head -c 30000 /dev/urandom | base64 -w0)" | python3 "$SUPPORT/make_oci.py" "$1" >digest
  mkdir -p "$directory/manifests" "$directory/blobs"
  cp "$1/blobs/sha256/$(cut -d: -f2 digest)" "$directory/manifests/1"
  cp "$1/blobs/sha256/$(cut -d: -f2 digest)" "$directory/manifests/$(cat digest)"
  for blob in "$1"/blobs/sha256/*; do cp "$blob" "$directory/blobs/sha256:${blob##*/}"; done
  config=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["layers"][int(sys.argv[2])]["digest"])' "$directory/manifests/1" 1)
  echo "$config" >large
}
recipe() { printf 'apiVersion: blueprint/v1\nname: app\nfrom: oci://127.0.0.1:%s/acme/%s\n' "$PORT" "$1" >app.yaml; rm -f app.lock.yaml; }
nothing_is_kept() { [ ! -e "store/blobs/sha256/$(cut -d: -f2 large)" ] || fail "what was not verified is in the store"; }
make base
touch site/keyring.gpg
serve site
recipe base:1

server fault corrupt "/v2/acme/base/blobs/$(cat large)"
exits 5 blueprint build app.yaml
err_has "app.yaml:3:7: error: 127.0.0.1:$PORT did not send what $(cat large) names [N023]"
err_has "what came: sha256:"
err_has "while reading the image 'oci://127.0.0.1:$PORT/acme/base:1"
nothing_is_kept
server clear
server fault truncate "/v2/acme/base/blobs/$(cat large)" at=100
exits 5 blueprint build app.yaml
err_has "what came: 100 of $(stat -c %s "site/v2/acme/base/blobs/$(cat large)") bytes"
nothing_is_kept
server clear
recipe "base@$(cat digest)"
server fault corrupt "/v2/acme/base/manifests/*"
rm -r store
exits 5 blueprint build app.yaml
err_has "did not send what $(cat digest) names [N023]"
server clear
server fault status "*" code=429 retry_after=1
exits 5 blueprint build app.yaml
err_has "127.0.0.1:$PORT answers no more requests for now (status 429) [N024]"
err_has "it wants to be asked again after: 1"
server clear
printf '{"mediaType": "application/vnd.docker.distribution.manifest.v1+json"}' >site/v2/acme/base/manifests/old
head -c 4200000 /dev/zero | tr '\0' ' ' >site/v2/acme/base/manifests/huge
printf '{"config": {"mediaType": "application/vnd.acme+json", "digest": "%s", "size": 2}, "layers": [], "mediaType": "%s"}' "$(cat digest)" \
  application/vnd.oci.image.manifest.v1+json >site/v2/acme/base/manifests/chart
recipe base:old
exits 5 blueprint build app.yaml
err_has "it is of the media type 'application/vnd.docker.distribution.manifest.v1+json' [N025]"
recipe base:huge
exits 5 blueprint build app.yaml
err_has "the manifest of '127.0.0.1:$PORT/acme/base:huge' is larger than 4.00 MiB [N026]"
recipe base:chart
exits 4 blueprint build app.yaml
err_has "it is no container image but 'application/vnd.acme+json' [O007]"

# Killed in the middle of the larger layer.
recipe base:1
server fault stall "/v2/acme/base/blobs/$(cat large)" at=50% times=1
"$BLUEPRINT_BIN/blueprint" build app.yaml >out 2>err &
pid=$!
for _ in $(seq 300); do
  [ "$(find store/tmp -name "$(cut -d: -f2 large)" -size +0 2>/dev/null)" ] && [ "$(find store/blobs -type f | wc -l)" = 3 ] && break
  sleep 0.1
done
kill -KILL $pid
wait $pid 2>/dev/null || true
nothing_is_kept
: >requests
ok blueprint build app.yaml
same "$(grep -c /blobs/ requests)" 1 "more than the killed download was fetched: $(cat requests)"
ok blueprint gc --grace 0
ok blueprint verify --all
[ -z "$(find store/tmp -mindepth 1)" ] || fail "the killed download is still there: $(find store/tmp)"
ok blueprint build app.yaml --locked --offline --expect-cached
nothing_is_left
