#!/usr/bin/env bash
# An archive whose Release file has expired is refused, and the message says since when.
. "$(dirname "$0")/../support/e2e.sh"
python3 "$SUPPORT/archive/make_archive.py" synthetic archive --valid-until 1700086400 </dev/null
serve "$WORK/archive"
write_recipe old
exits 5 blueprint build old.yaml
err_has "expired"
err_has "2023"
