#!/usr/bin/env bash
# A VM boots the image's systemd until everything runs, shows the image's files, and its disk is as large as the recipe says. What
# it writes does not reach the image.
. "$(dirname "$0")/../support/e2e.sh"
use_hello
digest=$(image hello content_digest)
ok blueprint run hello -- sh -c 'systemctl is-system-running --wait; systemctl --failed --plain --no-legend
  . /etc/os-release; echo "$PRETTY_NAME"; hello; echo scribble >/etc/motd; rm -rf /usr/share; sync
  df -k / | tail -n 1 | tr -s " " | cut -d" " -f2'
same "$(head -n 1 out)" running
out_has "Debian GNU/Linux 12"
out_has "hello from blueprint"
[ "$(tail -n 1 out)" -gt 3500000 ] || fail "the root filesystem did not grow: $(tail -n 1 out) KiB"
same "$(image hello content_digest)" "$digest"
ok blueprint run hello -- cat /etc/motd
out_is "hello from blueprint"
nothing_is_left
