#!/usr/bin/env bash
# All faults of a recipe are told at once, each at its place, by lint and by build alike, and nothing is built.
. "$(dirname "$0")/../support/e2e.sh"
cat >bad.yaml <<'YAML'
apiVersion: blueprint/v1
name: bad
distribution: {id: debian, release: bookworm}
layers:
  - pakages: [curl]
  - files: [{path: relative, content: x}]
launch: {ports: [99999]}
YAML
for command in lint build; do
  exits 3 blueprint $command bad.yaml
  err_has "bad.yaml:5:5: error: unknown key 'pakages'"
  err_has "  - pakages: [curl]"
  err_has "did you mean 'packages'?"
  err_has "bad.yaml:6:"
  err_has "bad.yaml:7:"
done
exits 3 blueprint build no-such-recipe.yaml
exits 2 blueprint build --no-such-flag
exits 2 blueprint biuld
err_has "did you mean 'build'?"
ok blueprint lint "$SOURCE/examples/hello"
