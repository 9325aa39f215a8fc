#!/usr/bin/env bash
# What a registry refuses, lacks or cannot be: each says what it is and what to do, and no secret is ever shown.
. "$(dirname "$0")/../support/e2e.sh"
need_root
need openssl
. "$SUPPORT/registry.sh"
make() { python3 "$SUPPORT/make_oci.py" "$@" >digest || fail "the image cannot be made"; }
recipe() { printf 'apiVersion: blueprint/v1\nname: app\nfrom: %s\n%s' "$1" "${2:-}" >app.yaml; rm -f app.lock.yaml; }
secret_is_nowhere() {
  ! grep -rqF -e "s3cret" -e "am9lOnMzY3JldA" out err store ./*.yaml || fail "the password is in $(grep -rlF -e s3cret -e am9lOnMzY3JldA out err store ./*.yaml)"
}
printf 'layer\nfile etc/one one\n' | make one
printf 'layer\nfile etc/one one\nlayer\nfile etc/two two\n' | make two
printf 'layer\nfile etc/arm arm\n' | make arm --platform linux/arm64

# Credentials: none, wrong, right; in Docker's file, in podman's, from a helper.
start_registry joe:s3cret
push oci:one acme/one:1.0 --dest-creds joe:s3cret
push oci:two acme/two:1.0 --dest-creds joe:s3cret
recipe "oci://$REGISTRY/acme/one:1.0"
exits 5 blueprint build app.yaml
err_has "app.yaml:3:7: error: $REGISTRY does not let us have 'acme/one' (status 401) [N021]"
err_has "there are no credentials for it in $HOME/.docker/config.json, $HOME/.config/containers/auth.json (not there)"
err_has "the registry says: authentication required"
login() { printf '{"auths": {"%s": {"auth": "%s"}}}' "$REGISTRY" "$(printf %s "$1" | base64)"; }
mkdir -p "$HOME/.docker" docker
login joe:wr0ng >"$HOME/.docker/config.json"
exits 5 blueprint build app.yaml
err_has "it refuses what $HOME/.docker/config.json has for it"
err_has_not wr0ng
login joe:s3cret >docker/config.json
DOCKER_CONFIG=docker ok blueprint build app.yaml --progress plain
secret_is_nowhere
# A layer that the store has by another image is not downloaded again.
recipe "oci://$REGISTRY/acme/two:1.0"
REGISTRY_AUTH_FILE=docker/config.json ok blueprint build app.yaml --progress plain
err_has "downloading 1 layer, "
ok blueprint cat app /etc/one
out_is one
rm -r "$BLUEPRINT_STORE"
mkdir helpers
cat >helpers/docker-credential-test <<'HELPER'
#!/bin/sh
read -r server && [ "$1 $server" = "get $SERVER" ] && echo "{\"Username\": \"joe\", \"Secret\": \"$SECRET\"}" && exit 0
echo "credentials not found in native keychain" && exit 1
HELPER
chmod +x helpers/docker-credential-test
echo '{"credsStore": "test"}' >"$HOME/.docker/config.json"
rm app.lock.yaml
with_helper() { PATH=$WORK/helpers:$PATH SERVER=$1 SECRET=s3cret blueprint build app.yaml; }
exits 5 with_helper other.example
err_has "there are no credentials for it in $HOME/.docker/config.json"
ok with_helper "$REGISTRY"
secret_is_nowhere
exits 2 blueprint lock app.yaml --check
err_has "cannot read credentials of registries from docker-credential-test: there is no such program in PATH [N028]"
echo '{"auths": {"x": {"auth": "s3cret!"}}}' >"$HOME/.docker/config.json"
exits 2 blueprint lock app.yaml --check
err_has "cannot read credentials of registries from $HOME/.docker/config.json: "
secret_is_nowhere
stop_registry

# Names: a tag, a repository, a reference that is none; platforms.
start_registry
rm -r "$HOME/.docker"
push oci:arm acme/arm:1
recipe "oci://$REGISTRY/acme/one:1.1"
exits 5 blueprint build app.yaml
err_has "$REGISTRY/acme/one has no tag '1.1' [N022]"
err_has "did you mean '1.0'?"
recipe "oci://$REGISTRY/acme/none:1"
exits 5 blueprint build app.yaml
err_has "$REGISTRY has no repository 'acme/none' [N022]"
recipe "oci://$REGISTRY/acme/one@sha256:$(printf %064d 7)"
exits 5 blueprint build app.yaml
err_has "has no content sha256:$(printf %064d 7) [N022]"
recipe oci://images/base:v1
exits 3 blueprint build app.yaml
err_has "app.yaml:3:7: error: 'images/base:v1' is no image of a registry: it does not begin with the host of a registry [N020]"
err_has "a path of this machine begins with './', '../' or '/'"
recipe "oci://$REGISTRY/acme/arm:1"
exits 3 blueprint build app.yaml
err_has "'$REGISTRY/acme/arm:1' has no image for linux/amd64, only for linux/arm64 [O004]"
python3 - <<'PYTHON'
import hashlib, json, pathlib, shutil
shutil.copytree("one", "both")
entries = []
for directory, platform in (("arm", "arm64"), ("one", "amd64")):
    entry = json.load(open(f"{directory}/index.json"))["manifests"][0]
    for blob in pathlib.Path(directory, "blobs/sha256").iterdir():
        shutil.copy(blob, "both/blobs/sha256")
    entries.append({key: entry[key] for key in ("mediaType", "digest", "size")} | {"platform": {"os": "linux", "architecture": platform}})
index = json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": entries}).encode()
digest = hashlib.sha256(index).hexdigest()
pathlib.Path("both/blobs/sha256", digest).write_bytes(index)
listed = {"mediaType": "application/vnd.oci.image.index.v1+json", "digest": f"sha256:{digest}", "size": len(index),
          "annotations": {"org.opencontainers.image.ref.name": "latest"}}
pathlib.Path("both/index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [listed]}))
pathlib.Path("index.digest").write_text(f"sha256:{digest}")
PYTHON
push oci:both:latest acme/both:1 --all
recipe "oci://$REGISTRY/acme/both:1"
ok blueprint build app.yaml
grep -qF "from: \"$(cat <(printf 'layer\nfile etc/one one\n' | python3 "$SUPPORT/make_oci.py" again))\"" app.lock.yaml || fail "not the image for linux/amd64: $(cat app.lock.yaml)"
# By the digest of the index: pinned is the one for this platform, and a second build without a lock asks nobody either.
recipe "oci://$REGISTRY/acme/both@$(cat index.digest)"
ok blueprint build app.yaml
rm app.lock.yaml
stop_registry
ok blueprint build app.yaml --offline

# A registry that is not there, and one whose certificate nobody knows.
recipe "oci://$REGISTRY/acme/one:1.0"
exits 5 blueprint build app.yaml
err_has "cannot reach http://$REGISTRY/v2/acme/one/manifests/1.0"
openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 1 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 2>/dev/null
REGISTRY_TLS=$WORK start_registry
mkdir -p "$HOME/.config/blueprint"
printf 'registries: {"%s": "https://%s"}\n' "$REGISTRY" "$REGISTRY" >"$HOME/.config/blueprint/config.yaml"
exits 5 blueprint build app.yaml
err_has "the identity of https://$REGISTRY/v2/acme/one/manifests/1.0 cannot be verified"
err_has "[N003]"
err_has "if the registry speaks plain HTTP, say so in blueprint/config.yaml"
nothing_is_left
