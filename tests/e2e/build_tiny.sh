#!/usr/bin/env bash
# A recipe of every kind of layer builds from a mirror, and says its name and digest. Its store is a fixture for others.
. "$(dirname "$0")/../support/e2e.sh"
need_root
serve "$TINY"
write_recipe tiny '{packages: [greeter]}' \
  '{files: [{path: /etc/motd, content: "welcome\n"}]}' \
  '{users: [{name: user, uid: 1000, groups: [sudo]}]}' \
  '{run: "greeter >/etc/greeting; id -u >>/etc/greeting"}'
ok blueprint build tiny.yaml
out_is "tiny sha256:*"
[ -s tiny.lock.yaml ] || fail "no lock was written"
! grep -q "127.0.0.1" tiny.lock.yaml || fail "the lock names the mirror"
ok blueprint verify tiny
ok blueprint cat tiny /etc/greeting
out_is $'hello again\n0'
nothing_is_left
rm -rf "$E2E_FIXTURES/tiny-store"
cp -a store "$E2E_FIXTURES/tiny-store"
cp tiny.yaml tiny.lock.yaml "$E2E_FIXTURES"
touch "$E2E_FIXTURES/tiny.built"
