#!/usr/bin/env bash
# Every Ubuntu recipe of the catalog builds from an archive of Ubuntu's shape. docs/ARCHITECTURE.md says what that proves.
. "$(dirname "$0")/../support/e2e.sh"
need_root
on_debian_12 || skip "the archive is made of Debian 12 packages, from a Debian 12 host's sources"
cp -r "$SOURCE/recipes" catalog
catalog "$WORK/catalog"
recipes=(ubuntu-24.04-x86_64 runloop/universal-ubuntu-24.04-x86_64{,-dnd,-gpu})
for recipe in "${recipes[@]}"; do blueprint config --plain "$recipe" >"${recipe##*/}.config"; done
mapfile -t packages < <(python3 - ./*.config <<'PYTHON'
import sys, yaml
print(*sorted({word for name in sys.argv[1:] for layer in yaml.safe_load(open(name))["layers"] for word in layer.get("packages", [])}), sep="\n")
PYTHON
)
[ ${#packages[@]} -ge 50 ] || fail "only ${#packages[@]} packages are named"
python3 "$SUPPORT/archive/make_archive.py" ubuntu-shaped archive --cache "${E2E_DEBS:-$E2E_FIXTURES/debian-debs}" \
  --components main restricted universe multiverse --packages "${packages[@]}" >made 2>&1 || fail "the archive cannot be made: $(cat made)"
serve "$WORK/archive"
cp keyring.gpg catalog
sed -i 's/^  variant: minimal/  variant: minimal\n  keyring: keyring.gpg/' catalog/ubuntu-24.04-x86_64.yaml
for recipe in "${recipes[@]}"; do
  ok blueprint lock "$recipe"
  ok blueprint build "$recipe" --locked --progress plain
  out_is "$recipe sha256:*"
done
grep -q "noble-security/InRelease" requests || fail "the security pocket was not read"
grep -qF "nvidia-utils-550-server" catalog/runloop/universal-ubuntu-24.04-x86_64-gpu.lock.yaml || fail "the driver is not locked by its name in Ubuntu"
ok blueprint cat runloop/universal-ubuntu-24.04-x86_64-dnd /etc/docker/daemon.json
out_has '"storage-driver": "overlay2"'
ok blueprint inspect runloop/universal-ubuntu-24.04-x86_64-dnd --json
same "$(json '"kernel" in j')" True
