#!/usr/bin/env bash
# A maintainer script that fails is told with its package, its words and its exit code.
. "$(dirname "$0")/../support/e2e.sh"
need_root
use_tiny
write_recipe bad '{packages: [fails-to-configure]}'
exits 1 blueprint build bad.yaml
err_has "fails-to-configure"
err_has "about to fail"
err_has "7"
nothing_is_left
