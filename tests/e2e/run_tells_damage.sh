#!/usr/bin/env bash
# Damage in a blob does not reach a guest: it sees an I/O error, and `run` says which blob it is, and where.
. "$(dirname "$0")/../support/e2e.sh"
use_hello
cp -a "$BLUEPRINT_STORE" copy
export BLUEPRINT_STORE=$WORK/copy
blob=$(blueprint inspect hello --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["layers"][0]["digest"][7:])')
chmod u+w "copy/blobs/sha256/$blob"
# Not the first MiB: what the boot reads should be well enough to get to the command.
python3 - "copy/blobs/sha256/$blob" <<'PY'
import os, sys
with open(sys.argv[1], "r+b") as blob:
    for offset in range(os.fstat(blob.fileno()).st_size // 2, os.fstat(blob.fileno()).st_size * 3 // 4, 20000):
        blob.seek(offset)
        byte = blob.read(1)
        blob.seek(offset)
        blob.write(bytes([byte[0] ^ 1]))
PY
code=0
blueprint run hello -- sh -c 'find /usr -type f -exec cat {} + >/dev/null 2>&1; echo done' >out 2>err || code=$?
err_has "blob sha256:$blob is damaged at offset"
[ "$code" = 0 ] || [ "$code" = 6 ] || fail "ended with $code"
nothing_is_left
