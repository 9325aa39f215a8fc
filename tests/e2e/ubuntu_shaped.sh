#!/usr/bin/env bash
# The Ubuntu recipe builds from an archive of Ubuntu's shape: suites noble, noble-updates and noble-security, zstd members, a
# base-files that ships the merged links, one key. Also from its snapshot path, to the same image.
. "$(dirname "$0")/../support/e2e.sh"
need_root
on_debian_12 || skip "the archive is made of Debian 12 packages, from a Debian 12 host's sources"
stamp=20260801T000000Z
python3 "$SUPPORT/archive/make_archive.py" ubuntu-shaped archive --cache "${E2E_DEBS:-$E2E_FIXTURES/debian-debs}" --snapshot $stamp \
  --components main restricted universe multiverse \
  --packages systemd systemd-sysv dbus udev linux-image-virtual procps less >made 2>&1 || fail "the archive cannot be made: $(cat made)"
serve "$WORK/archive"
mkdir hello snapshot
cp keyring.gpg hello
sed 's/^  variant: minimal/  variant: minimal\n  keyring: keyring.gpg/' "$SOURCE/examples/hello-ubuntu/recipe.yaml" >hello/recipe.yaml
ok blueprint build hello
grep -q "noble-security/InRelease" requests || fail "the security pocket was not read"
ok blueprint cat hello-ubuntu /etc/hello-built-for
out_is "built for Ubuntu 24.04 LTS"
ok blueprint ls hello-ubuntu /bin
ok blueprint inspect hello-ubuntu --json
same "$(json '"kernel" in j')" True
digest=$(json 'j["content_digest"]')

cp keyring.gpg snapshot
sed "s/^  variant: minimal/  variant: minimal\n  keyring: keyring.gpg\n  snapshot: $stamp/" "$SOURCE/examples/hello-ubuntu/recipe.yaml" >snapshot/recipe.yaml
export BLUEPRINT_MIRROR_UBUNTU_SNAPSHOT=$BLUEPRINT_MIRROR_UBUNTU
ok blueprint build snapshot
grep -q "/ubuntu/$stamp/dists/noble/InRelease" requests || fail "the snapshot was not asked"
same "$(image hello-ubuntu content_digest)" "$digest"
