#!/usr/bin/env bash
# Where the clock is before the date of the packages, an image does not depend on what it says: an epoch in the future is the same
# to the build as a clock that runs late.
. "$(dirname "$0")/../support/e2e.sh"
need_root
serve "$TINY"
epoch=4102444800 # the year 2100
export SOURCE_DATE_EPOCH=$epoch
write_recipe late '{packages: [greeter, large]}' '{users: [{name: user, uid: 1000}]}' \
  '{run: "mkdir -p /opt/new; echo x >/opt/new/file; touch -d @1000000000 /opt/kept; ln -s new /opt/link; echo $SOURCE_DATE_EPOCH >/opt/epoch"}' \
  '{run: "echo more >>/opt/new/file; touch /opt/new"}'
ok blueprint build late.yaml --store "$WORK/store-1"
sleep 1.1
ok blueprint build late.yaml --store "$WORK/store-2"
digests() { BLUEPRINT_STORE=$WORK/$1 image late digest; BLUEPRINT_STORE=$WORK/$1 image late content_digest; }
same "$(digests store-2)" "$(digests store-1)"

export BLUEPRINT_STORE=$WORK/store-1
ok blueprint export late --format tar --output late.tar
python3 - late.tar $epoch <<'PYTHON' >out || fail "the times could not be read"
import sys, tarfile, time
epoch, now = int(sys.argv[2]), time.time()
for member in tarfile.open(sys.argv[1]):
    if now - 3600 < member.mtime < epoch:
        print(member.name, member.mtime)
    if member.name.lstrip("./") in ("opt/kept", "opt/new/file", "opt/new"):
        print(member.name.lstrip("./"), "epoch" if member.mtime == epoch else member.mtime)
PYTHON
same "$(sort out)" $'opt/kept 1000000000\nopt/new epoch\nopt/new/file epoch'
ok blueprint cat late /etc/shadow
grep -q "^user:[^:]*:$((epoch / 86400)):" out || fail "a password of another day: $(cat out)"
ok blueprint cat late /opt/epoch
out_is "$epoch"
