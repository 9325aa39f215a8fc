#!/usr/bin/env bash
# Without QEMU or nbdkit, `run` says which package has them, at once; without a kernel in the image, which one to add.
. "$(dirname "$0")/../support/e2e.sh"
need_root
use_hello
hidden() {
  local program=$1 directory
  shift
  for directory in /usr/local/sbin /usr/sbin /sbin /usr/local/bin /usr/bin /bin; do
    if [ -e "$directory/$program" ]; then mount --bind /dev/null "$directory/$program"; fi
  done
  "$@"
}
export -f hidden
for case in qemu-system-x86_64:qemu-system-x86 nbdkit:nbdkit; do
  exits 6 unshare --mount bash -c 'hidden "$@"' - "${case%%:*}" "$BLUEPRINT_BIN/blueprint" run hello -- true
  err_has "apt-get install ${case##*:}"
done
export BLUEPRINT_STORE=$E2E_FIXTURES/tiny-store
exits 6 blueprint run tiny -- true
err_has "has no kernel"
err_has "linux-image-virtual"
nothing_is_left
