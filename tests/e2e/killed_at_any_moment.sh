#!/usr/bin/env bash
# A build that is killed or interrupted at a random moment leaves no process, no mount and a store without faults, and the
# next build succeeds. KILLS sets how often, SEED when.
. "$(dirname "$0")/../support/e2e.sh"
need_root
serve "$TINY"
layers=('{packages: [greeter]}' '{run: "head -c 3000000 /dev/urandom >/opt/noise"}' '{files: [{path: /etc/motd, content: "hi\n"}]}')
write_recipe killed "${layers[@]}"
RANDOM=${SEED:=$RANDOM}
echo "seed $SEED"
begin=$(date +%s%N)
ok blueprint build killed.yaml
whole=$((($(date +%s%N) - begin) / 1000000))
rm -rf store
for round in $(seq "${KILLS:-6}"); do
  signal=$([ $((RANDOM % 2)) = 0 ] && echo KILL || echo INT)
  delay=$((RANDOM * whole / 32768))
  "$BLUEPRINT_BIN/blueprint" build killed.yaml --no-cache >out 2>err &
  pid=$!
  sleep "$((delay / 1000)).$(printf %03d $((delay % 1000)))"
  kill -$signal $pid 2>/dev/null || true
  code=0
  wait $pid 2>/dev/null || code=$?
  case $code in 0 | 130 | 137) ;; *) fail "round $round: $signal after $delay ms ended in $code" ;; esac
  nothing_is_left
  if [ -e store/version ]; then exits 0 blueprint verify --all; fi
  [ $((RANDOM % 3)) != 0 ] || rm -rf store
done
ok blueprint build killed.yaml --json
ok blueprint verify --all
ok blueprint gc --grace 0
[ -z "$(ls store/tmp)" ] || fail "gc left $(ls store/tmp)"
