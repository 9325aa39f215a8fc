#!/usr/bin/env bash
# A mistyped command, flag or value is exit 2 with what was probably meant; options of every command may come first.
. "$(dirname "$0")/../support/e2e.sh"
exits 2 blueprint biuld x.yaml
err_has "there is no command 'biuld'"
err_has "did you mean 'build'?"
exits 2 blueprint build --expain x.yaml
err_has "--expain"
err_has "did you mean '--explain'?"
err_has "see 'blueprint build --help'"
exits 2 blueprint run hello cat /etc/os-release
err_has "comes after '--': blueprint run IMAGE -- COMMAND"
exits 2 blueprint export x --format qcow -o y
err_has "qcow2"
exits 2 blueprint
err_has "see 'blueprint --help'"
exits 2 blueprint --stroe x ls
exits 2 blueprint gc --grace soon
err_has "such as 90m, 24h or 7d"
ok blueprint --store "$WORK/elsewhere" -q ls
[ -f elsewhere/version ] || fail "--store before the command did not count"
ok blueprint --store="$WORK/third" ls
[ -f third/version ] || fail "--store= before the command did not count"
[ ! -e store ] || fail "the other store was made all the same"
for command in $(blueprint --help | awk '/^Subcommands|^SUBCOMMANDS/ { on = 1; next } on && /^  [a-z]/ { print $1 }'); do
  ok blueprint "$command" --help
  out_has "Examples:"
done
