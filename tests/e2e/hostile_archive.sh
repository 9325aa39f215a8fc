#!/usr/bin/env bash
# Members with "..", through links that lead out, or of device type never touch anything outside the root.
. "$(dirname "$0")/../support/e2e.sh"
need_root
serve "$TINY"
rm -rf /tmp/blueprint-climbed-out /tmp/blueprint-linked-out
for package in climbs-out links-out; do
  write_recipe "$package" "{packages: [$package]}"
  code=0
  blueprint build "$package.yaml" >out 2>err || code=$?
  [ "$code" != 70 ] || fail "$package is called a bug"
  [ ! -e /tmp/blueprint-climbed-out ] && [ ! -e /tmp/blueprint-linked-out ] || fail "$package wrote outside the root"
done
exits 1 blueprint build climbs-out.yaml
err_has "climbs-out"
err_has "its name leads out of the root"
nothing_is_left
