#!/usr/bin/env bash
# Layers of a container image are flattened as a runtime shows them, its config is taken over, and what no image may have is
# refused by name.
. "$(dirname "$0")/../support/e2e.sh"
need_root
make() { python3 "$SUPPORT/make_oci.py" "$@" >digest || fail "the image cannot be made"; }
recipe() { printf 'apiVersion: blueprint/v1\nname: app\nfrom: %s\n%s' "$1" "${2:-}" >app.yaml; rm -f app.lock.yaml; }

make image --tag v1 --config '{"Env": ["PATH=/bin", "A=b=c"], "WorkingDir": "/srv", "User": "web:web", "Labels": {"team": "x"},
  "ExposedPorts": {"8080/tcp": {}, "53/udp": {}}, "Cmd": ["serve"]}' <<'LAYERS'
layer
dir usr/bin
link bin usr/bin
dir srv 0750 7 8
file srv/kept one
file srv/gone two
dir srv/cache
file srv/cache/old three
file usr/bin/tool "#!" 4755
xattr security.capability "\x01"
xattr user.note hello
xattr trusted.overlay.opaque y
layer
file srv/.wh.gone
file srv/cache/new four
file srv/cache/.wh..wh..opq
hard srv/same srv/kept
file bin/other five
LAYERS
recipe oci://./image:v1
ok blueprint build app.yaml
ok blueprint export app --format tar -o app.tar
tar --numeric-owner --xattrs --xattrs-include='*' -tvvf app.tar >files
names=$(awk '/^[-dlh]/ && $6 != "./" { sub(/[*]$/, "", $1); print $1, $2, $6 }' files | LC_ALL=C sort -k3)
same "$names" "$(LC_ALL=C sort -k3 <<'FILES'
lrwxrwxrwx 0/0 bin
drwxr-x--- 7/8 srv/
drwxr-xr-x 0/0 srv/cache/
-rw-r--r-- 0/0 srv/cache/new
-rw-r--r-- 0/0 srv/kept
hrw-r--r-- 0/0 srv/same
drwxr-xr-x 0/0 usr/
drwxr-xr-x 0/0 usr/bin/
-rw-r--r-- 0/0 usr/bin/other
-rwsr-xr-x 0/0 usr/bin/tool
FILES
)" "$(cat files)"
grep -q "user.note" files || fail "an attribute is lost: $(cat files)"
! grep -q "overlay" files || fail "an attribute of overlayfs was taken over"
ok blueprint inspect app --json
same "$(json "[j['env'], j['workdir'], j['user'], j['labels']['team'], j['labels']['dockerfile.cmd'], j['launch']['ports']]")" \
  "[{'A': 'b=c', 'PATH': '/bin'}, '/srv', 'web', 'x', '[\"serve\"]', [8080]]"
same "$(sed -n 's/^from: "\(.*\)"/\1/p' app.lock.yaml)" "$(cat digest)"

# Names: a tag that is near, one of several, a path that is not there, a registry.
recipe oci://./image:v2
exits 3 blueprint build app.yaml
err_has "'image' has no image 'v2' [O003]"
err_has "app.yaml:3:7"
err_has "did you mean 'v1'?"
echo layer | make image --tag v3
recipe oci://./image
exits 3 blueprint build app.yaml
err_has "has several images, and none is named [O003]"
recipe oci://./no/image
exits 3 blueprint build app.yaml
err_has "there is no OCI image at 'no/image' [O001]"
recipe oci://registry.example/acme/app:1
exits 5 blueprint build app.yaml --offline
err_has "app.yaml:3:7: error: the image 'oci://registry.example/acme/app:1' is not in the store"
err_has "[O011]"
recipe oci://./app.yaml
exits 3 blueprint build app.yaml
err_has "neither an OCI layout nor an archive of one"
err_has "[O002]"
echo layer | make arm --platform linux/arm64
recipe oci://./arm
exits 3 blueprint build app.yaml
err_has "has no image for linux/amd64, only for linux/arm64 [O004]"

# Damage.
damaged() { # NAME CODE WORDS [OPTIONS…]
  local name=$1 code=$2 words=$3
  shift 3
  make "$name" "$@"
  recipe "oci://./$name"
  exits 4 blueprint build app.yaml
  err_has "$words"
  err_has "[$code]"
}
damaged blob O006 "does not have the digest that names it" --damage blob <<<$'layer\nfile a'
damaged diff O006 "does not have the digest that names it" --damage diff_id <<<$'layer\nfile a'
make part <<<$'layer\nfile a'
python3 - <<'PY'
import json, pathlib
blobs = pathlib.Path("part/blobs/sha256")
manifest = json.loads((blobs / json.load(open("part/index.json"))["manifests"][0]["digest"][7:]).read_text())
(blobs / manifest["layers"][0]["digest"][7:]).unlink()
PY
recipe oci://./part
exits 4 blueprint build app.yaml
err_has "is not complete: it has no blobs/sha256/"
err_has "[O005]"
printf '{' >part/index.json
exits 4 blueprint build app.yaml
err_has "index.json cannot be used: it is no JSON [O007]"
python3 - <<'PY'
import gzip, hashlib, json, pathlib, shutil
shutil.copytree("diff", "text")
blobs = pathlib.Path("text/blobs/sha256")
def add(data):
    (blobs / hashlib.sha256(data).hexdigest()).write_bytes(data)
    return "sha256:" + hashlib.sha256(data).hexdigest()
index = json.load(open("text/index.json"))
manifest = json.loads((blobs / index["manifests"][0]["digest"][7:]).read_text())
config = json.loads((blobs / manifest["config"]["digest"][7:]).read_text())
tar = b"this is no tar at all\n" * 100
config["rootfs"]["diff_ids"] = ["sha256:" + hashlib.sha256(tar).hexdigest()]
manifest["layers"][0]["digest"] = add(gzip.compress(tar))
manifest["config"]["digest"] = add(json.dumps(config).encode())
index["manifests"][0]["digest"] = add(json.dumps(manifest).encode())
json.dump(index, open("text/index.json", "w"))
PY
recipe oci://./text
exits 4 blueprint build app.yaml
err_has "cannot be read"
err_has "[O008]"

# Names and links that would lead out. Nothing of them reaches the host.
for member in 'file ../../escaped' 'file a/../../escaped' 'char .wh.x/y 0 0' 'char null 0 0' 'file .wh...' 'hard a ../b' \
  $'file a\nfile a/b' $'link a b\nlink b a\nfile a/c' 'hard a b'; do
  rm -rf hostile
  damaged hostile O009 "has a member that cannot be placed" <<<$'layer\n'"$member"
done
printf 'layer\nlink out /%s\nfile out/escaped x\n' "$WORK" >spec
make inside <spec
recipe oci://./inside
ok blueprint build app.yaml
[ ! -e escaped ] || fail "a link led out of the image"
ok blueprint cat app "/$WORK/escaped"
out_is x

# What distribution an image is of is told by its os-release, so that packages can be added from there; none without dpkg.
make debian <<'LAYERS'
layer
file etc/os-release 'PRETTY_NAME="Debian"\nID=debian\nVERSION_CODENAME=bookworm\n'
file var/lib/dpkg/status 'Package: libc6\nStatus: install ok installed\nVersion: 2.36\nArchitecture: amd64\n\n'
LAYERS
recipe oci://./debian
ok blueprint build app.yaml
ok blueprint inspect app --json
same "$(json "[j['labels']['blueprint.distribution'].count(w) for w in ('debian', 'bookworm', 'main')] + [p['name'] for p in j['packages']]")" \
  "[1, 1, 1, 'libc6']"
recipe oci://./image:v1 $'layers: [{packages: [greeter]}]\n'
exits 3 blueprint build app.yaml
err_has "is of no distribution that packages could be added from [K021]"
nothing_is_left
