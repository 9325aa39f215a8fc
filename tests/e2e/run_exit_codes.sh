#!/usr/bin/env bash
# `run` ends with the guest command's own code; a signal is 128 and its number; what cannot be started is told.
. "$(dirname "$0")/../support/e2e.sh"
use_hello
exits 42 blueprint run hello -- sh -c 'echo out; echo err >&2; exit 42'
out_is out
err_has err
exits 137 blueprint run hello -- sh -c 'kill -9 $$'
exits 6 blueprint run hello -- no-such-program
err_has "no-such-program"
nothing_is_left
