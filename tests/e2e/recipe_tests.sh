#!/usr/bin/env bash
# Tests of a recipe run in the finished image, as its user and with its env; each that fails is told with its place and output, and
# then there is no tag.
. "$(dirname "$0")/../support/e2e.sh"
need_root
use_tiny
write_tests() {
  printf 'apiVersion: blueprint/v1\nname: child\nfrom: tiny\nenv: {WORD: hello}\nuser: user\nworkdir: /tmp\ntests:\n' >child.yaml
  printf '  - %s\n' "$@" >>child.yaml
}
write_tests '{run: "echo $WORD from $(id -un) in $(pwd)", expect: "^hello from user in /tmp\n$"}' '{run: "exit 7", exit_code: 7}'
ok blueprint build child.yaml
ok blueprint rm child

# The first command that fails ends a script, as in 'run'.
write_tests '{run: "echo said; false; true"}' '{run: "echo $WORD", expect: bye}' '{run: "true"}'
exits 1 blueprint build child.yaml
err_has "child.yaml:8:5: error: the test 'echo said; false; true' ended with exit code 1, not exit code 0 [T001]"
err_has "| said"
err_has "child.yaml:9:5: error: the output of the test 'echo \$WORD' does not match 'bye' [T002]"
err_has "| hello"
exits 4 blueprint inspect child
