#!/usr/bin/env bash
# A change in a recipe runs that layer and those after it, keeps those before it, and --explain says why.
. "$(dirname "$0")/../support/e2e.sh"
need_root
use_tiny
sed -i 's/welcome/good morning/' tiny.yaml
exits 1 blueprint build tiny.yaml --expect-cached --offline
err_has "files"
ok blueprint build tiny.yaml --explain --json --offline
same "$(json '[l["name"] for l in j["layers"] if l["cached"]]')" "['base', 'packages-1']"
err_has "files"
ok blueprint cat tiny /etc/motd
out_is "good morning"
ok blueprint verify tiny
