#!/usr/bin/env bash
# The same recipe gives the same manifest and content digest in another directory, store, umask, time zone, locale, host name, with
# another number of jobs, and a month later.
. "$(dirname "$0")/../support/e2e.sh"
need_root
serve "$TINY"
layers=('{packages: [greeter, large]}' '{files: [{path: /etc/motd, content: "hi\n"}]}' '{copy: {from: tree, to: /opt/tree}}'
  '{users: [{name: user, uid: 1000}]}' '{run: "date -u -d @$SOURCE_DATE_EPOCH >/etc/when; umask >>/etc/when; hostname >>/etc/when 2>&1 || uname -n >>/etc/when; ls -lR /opt >>/etc/when"}')
make_place() {
  mkdir -p "$1/tree/sub"
  cp keyring.gpg "$1"
  (cd "$1" && write_recipe same "${layers[@]}" && echo a >tree/a && echo b >tree/sub/b && chmod 755 tree tree/sub && chmod 644 tree/a tree/sub/b)
}
make_place one
(cd one && umask 022 && TZ=UTC ok blueprint build same.yaml --store "$WORK/store-1" -j 2)
make_place some/other/place
cp one/same.lock.yaml some/other/place
other() {
  cd some/other/place || return
  umask 077
  export TZ=Pacific/Auckland LC_ALL=tr_TR.UTF-8 LANG=de_DE.UTF-8 HOME=/nonexistent
  # The clock: a time name space moves only the monotonic clocks, so the wall clock needs libfaketime.
  if command -v faketime >/dev/null; then
    faketime -f '+32d' "$BLUEPRINT_BIN/blueprint" build same.yaml --store "$WORK/store-2" -j 1
  else
    "$BLUEPRINT_BIN/blueprint" build same.yaml --store "$WORK/store-2" -j 1
  fi
}
export -f other
touch -d '40 days ago' some/other/place/tree/a
ok unshare --uts bash -c 'hostname elsewhere; other'
digests() { BLUEPRINT_STORE=$WORK/$1 image same digest; BLUEPRINT_STORE=$WORK/$1 image same content_digest; }
same "$(digests store-2)" "$(digests store-1)"
# Without the lock too: the second build resolves for itself.
rm -r some/other/place/same.lock.yaml store-2
ok unshare --uts bash -c 'hostname third; other'
same "$(digests store-2)" "$(digests store-1)" "resolved again"
cmp one/same.lock.yaml some/other/place/same.lock.yaml || fail "the locks differ"
command -v faketime >/dev/null || echo "note: faketime is not installed, so the clock was the same"
