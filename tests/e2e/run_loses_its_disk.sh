#!/usr/bin/env bash
# When the server of the image or QEMU is killed under a command, `run` ends soon, with exit 6 and what happened.
. "$(dirname "$0")/../support/e2e.sh"
use_hello
# child NAME: the child of $pid with that name. (QEMU's environment is empty: left_processes does not see it.)
child() {
  local place
  for place in /proc/[0-9]*; do
    { grep -qx "PPid:.$pid" "$place/status" && grep -q "^Name:.$1" "$place/status" && echo "${place#/proc/}"; } 2>/dev/null || true
  done
}
for case in nbdkit:L009 qemu-system:V010; do
  "$BLUEPRINT_BIN/blueprint" run hello -- sh -c 'echo begun; sleep 1000' >out 2>err &
  pid=$!
  for _ in $(seq 1200); do grep -q begun out && break; kill -0 $pid 2>/dev/null || break; sleep 0.1; done
  grep -q begun out || fail "the command did not begin"
  victim=$(child "${case%%:*}")
  [ -n "$victim" ] || { kill $pid; fail "there is no ${case%%:*}"; }
  kill -KILL "$victim"
  code=0
  wait $pid || code=$?
  same $code 6 "exit code after ${case%%:*} was killed"
  err_has "${case##*:}"
  nothing_is_left
done
