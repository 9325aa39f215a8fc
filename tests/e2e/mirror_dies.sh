#!/usr/bin/env bash
# A mirror that dies half-way is asked again; when it stays dead the error says so, and finished downloads are kept.
. "$(dirname "$0")/../support/e2e.sh"
need_root
serve "$TINY"
write_recipe patient '{packages: [large]}'
server fault die '*/large_*.deb' at=50% times=1
server fault status '*/Packages*' code=503 times=1
ok blueprint build patient.yaml
grep -q "large.* die " requests || fail "the fault was not met"

rm -rf store patient.lock.yaml
server fault die '*/large_*.deb' at=30%
exits 5 blueprint build patient.yaml
err_has "large"
grep -c "large_1.0" requests | { read -r times; [ "$times" -ge 4 ] || fail "not tried again: $times requests in all"; }
[ -n "$(ls store/debs/*.deb 2>/dev/null)" ] || fail "finished downloads were not kept"
: >requests
server clear
ok blueprint build patient.yaml
! grep -q "dpkg_1.22" requests || fail "a finished download was fetched again"
