#!/usr/bin/env bash
# A store that a newer version wrote is left alone, and the error says so.
. "$(dirname "$0")/../support/e2e.sh"
use_tiny
version=$(find store -maxdepth 1 -type f \( -name 'version' -o -name 'format' -o -name 'blueprint*' \) | head -n 1)
[ -n "$version" ] || fail "the store does not say its version"
sed -i 's/[0-9][0-9]*/999/' "$version"
find store -type f -printf '%p %s %T@\n' | sort >before
exits 4 blueprint build tiny.yaml
err_has "format 999"
err_has "upgrade blueprint"
exits 4 blueprint ls
find store -type f -printf '%p %s %T@\n' | sort | cmp - before || fail "the store was written"
