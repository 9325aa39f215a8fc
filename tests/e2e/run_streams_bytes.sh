#!/usr/bin/env bash
# 100 MB of binary output and binary input pass unchanged.
. "$(dirname "$0")/../support/e2e.sh"
use_hello
ok blueprint run hello -- sh -c 'head -c 100000000 /dev/urandom >/var/tmp/copy; cat /var/tmp/copy; sha256sum </var/tmp/copy >&2'
same "$(stat -c %s out)" 100000000
same "$(sha256sum <out)" "$(grep -o '[0-9a-f]\{64\}  -' err | head -n 1)"
head -c 5000000 /dev/urandom >input
blueprint run -i hello -- sha256sum <input >out 2>err || fail "the command with input failed"
same "$(cat out)" "$(sha256sum <input)"
