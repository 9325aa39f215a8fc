#!/usr/bin/env bash
# A .deb that is not what the signed index promised is never unpacked nor kept.
. "$(dirname "$0")/../support/e2e.sh"
need_root
serve "$TINY"
server fault corrupt '*/greeter_*.deb'
write_recipe damaged '{packages: [greeter]}'
exits 5 blueprint build damaged.yaml
err_has "greeter"
err_has "SHA-256"
promised=$(sha256sum "$TINY"/ubuntu/pool/main/g/greeter_1.0_amd64.deb | cut -d' ' -f1)
[ ! -e "store/debs/$promised.deb" ] || fail "the damaged file was kept"
server clear
ok blueprint build damaged.yaml
nothing_is_left
