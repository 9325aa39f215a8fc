#!/usr/bin/env bash
# Packages that cannot be installed together are explained: which one, what it wants, what there is.
. "$(dirname "$0")/../support/e2e.sh"
serve "$TINY"
write_recipe version '{packages: [needs-the-impossible]}'
exits 3 blueprint build version.yaml
err_has "needs-the-impossible"
err_has "libgreeter (>= 9)"
write_recipe conflict '{packages: [greeter, breaks-greeter]}'
exits 3 blueprint build conflict.yaml
err_has "breaks-greeter"
err_has "Conflicts"
