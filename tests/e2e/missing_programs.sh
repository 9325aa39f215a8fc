#!/usr/bin/env bash
# Without the programs that it needs, blueprint says which package has them.
. "$(dirname "$0")/../support/e2e.sh"
need_root
serve "$TINY"
# Hides programs of this machine in a mount name space of its own.
hidden() {
  local program
  for program in "${HIDE[@]}"; do
    for directory in /usr/local/sbin /usr/sbin /sbin /usr/local/bin /usr/bin /bin; do
      [ -e "$directory/$program" ] && mount --bind /dev/null "$directory/$program"
    done
  done
  "$@"
}
export -f hidden
write_recipe plain '{run: "true"}'
for case in "gpgv:gpgv" "runc crun:runc"; do
  read -ra HIDE <<<"${case%%:*}"
  export HIDE_WORDS="${HIDE[*]}"
  exits 6 unshare --mount bash -c 'read -ra HIDE <<<"$HIDE_WORDS"; hidden "$0" build plain.yaml' "$BLUEPRINT_BIN/blueprint"
  err_has "apt-get install ${case##*:}"
done
