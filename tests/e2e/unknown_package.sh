#!/usr/bin/env bash
# A package that the archive does not have is an error of the recipe, at its place, with near names.
. "$(dirname "$0")/../support/e2e.sh"
serve "$TINY"
write_recipe typo '{packages: [greeter, greter]}'
exits 3 blueprint build typo.yaml
err_has "typo.yaml:5:26: error:"
err_has "'greter'"
err_has "did you mean 'greeter'"
same "$(cat out)" ""
