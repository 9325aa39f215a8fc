#!/usr/bin/env bash
# An archive that another key signed, or nobody, is refused before anything of it is used.
. "$(dirname "$0")/../support/e2e.sh"
for sign in other no; do
  rm -rf archive store
  python3 "$SUPPORT/archive/make_archive.py" synthetic archive --sign "$sign" </dev/null
  serve "$WORK/archive"
  write_recipe wrong
  exits 5 blueprint build wrong.yaml
  err_has "Release"
  [ "$sign" = no ] || err_has "sign"
  ! grep -q "Packages" requests || fail "indices of an archive without a good signature were fetched"
done
