#!/usr/bin/env bash
# examples/hello builds from the host's own mirror. Its store is the fixture of the scripts that boot a machine.
. "$(dirname "$0")/../support/e2e.sh"
need_root
mkdir -p "$E2E_FIXTURES"
if ! on_debian_12; then
  echo "this host is not Debian 12, so its mirror is not known" >"$E2E_FIXTURES/hello.skipped"
  skip "$(cat "$E2E_FIXTURES/hello.skipped")"
fi
export BLUEPRINT_STORE=$E2E_FIXTURES/hello-store
rm -f "$E2E_FIXTURES/hello.built"
cp -r "$SOURCE/examples/hello" hello
[ -f "$E2E_FIXTURES/hello.lock.yaml" ] && cp "$E2E_FIXTURES/hello.lock.yaml" hello/recipe.lock.yaml
ok blueprint build hello --progress plain
out_is "hello sha256:*"
cp hello/*.lock.yaml "$E2E_FIXTURES/hello.lock.yaml"
touch "$E2E_FIXTURES/hello.built"
