#!/usr/bin/env bash
# An image exports as a sparse raw disk that e2fsck likes, as qcow2 with the same bytes, and as a tar that GNU tar reads.
. "$(dirname "$0")/../support/e2e.sh"
use_tiny
ok blueprint export tiny --format raw -o tiny.raw
same "$(stat -c %s tiny.raw)" "$(image tiny device_bytes)"
[ "$(du -k --apparent-size tiny.raw | cut -f1)" -gt "$(du -k tiny.raw | cut -f1)" ] || fail "the raw file is not sparse"
need e2fsck debugfs
e2fsck -fn tiny.raw >fsck 2>&1 || fail "e2fsck: $(cat fsck)"
debugfs -R 'cat /etc/greeting' tiny.raw 2>/dev/null | grep -qx "hello again" || fail "the raw disk does not hold the file"
if command -v qemu-img >/dev/null; then
  ok blueprint export tiny --format qcow2 -o tiny.qcow2
  qemu-img compare tiny.raw tiny.qcow2 >compared || fail "$(cat compared)"
fi
ok blueprint export tiny --format tar -o tiny.tar
same "$(tar -xOf tiny.tar --wildcards '*etc/greeting' | head -n 1)" "hello again"
tar --numeric-owner -tvf tiny.tar >listed
grep -qE '^drwx.* 1000/[0-9]+ .*home/user/$' listed || fail "owners are not kept"
exits 2 blueprint export tiny --format zip -o x
