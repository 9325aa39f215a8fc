#!/usr/bin/env bash
# A HOME that is not ours, no HOME, a dumb terminal, a pipe whose reader has gone, a store with blanks in its name, and one
# that is read-only: each works, or says in a sentence what is wrong.
. "$(dirname "$0")/../support/e2e.sh"
use_tiny
mv store "a store"
export BLUEPRINT_STORE="$WORK/a store"
ok blueprint ls
out_has tiny
ok env -u HOME blueprint inspect tiny
exits 2 env -u HOME -u BLUEPRINT_STORE setpriv --reuid=65534 --regid=65534 --clear-groups "$BLUEPRINT_BIN/blueprint" ls
err_has "set BLUEPRINT_STORE or HOME"

# The reader of the answer has gone: silence, and the code of a program that SIGPIPE ended.
code=0
{ blueprint ls tiny / 2>err || code=$?; echo $code >code; } | true
same "$(cat err)" "" "words for nobody"
exits 4 bash -c "'$BLUEPRINT_BIN/blueprint' ls >/dev/full"
err_has "No space left on device"

# What is no file is written to, not replaced by one.
mkfifo pipe
cat pipe >through &
ok blueprint export tiny --format tar -o pipe
wait $!
ok blueprint export tiny --format tar -o tiny.tar
cmp through tiny.tar || fail "a pipe got something else"
[ -p pipe ] || fail "the pipe was replaced"

# Escape sequences only where they do something.
for term in dumb xterm; do
  TERM=$term script -qec "'$BLUEPRINT_BIN/blueprint' build tiny.yaml --offline" typescript >/dev/null
  escapes=$(grep -c $'\x1b\\[K' typescript || true)
  if [ $term = dumb ]; then same "$escapes" 0 "escape sequences on a dumb terminal"; fi
  if [ $term = xterm ] && [ "$escapes" = 0 ]; then fail "no status line on a terminal"; fi
done


[ "$(id -u)" = 0 ] || skip "the rest needs root"
# Somebody else's HOME holds no configuration for us, and somebody else's store can be read.
chmod 700 home
chmod 755 "$WORK" "$BLUEPRINT_STORE"
nobody() { setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; }
ok nobody "$BLUEPRINT_BIN/blueprint" ls
ok nobody "$BLUEPRINT_BIN/blueprint" inspect tiny --json
ok nobody "$BLUEPRINT_BIN/blueprint" verify tiny
ok nobody "$BLUEPRINT_BIN/blueprint" export tiny --format tar -o -
exits 4 nobody "$BLUEPRINT_BIN/blueprint" tag tiny other
err_has "Permission denied"
unshare --mount true 2>/dev/null || skip "may not mount"
mount --bind "$BLUEPRINT_STORE" "$BLUEPRINT_STORE"
mount -o remount,bind,ro "$BLUEPRINT_STORE"
ok blueprint ls
ok blueprint verify tiny
ok blueprint export tiny --format tar -o tiny.tar
exits 4 blueprint tag tiny other
err_has "read-only"
umount "$BLUEPRINT_STORE"
