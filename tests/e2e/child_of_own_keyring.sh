#!/usr/bin/env bash
# A recipe that builds on another one elsewhere adds packages from its base's archive, whose keyring lies beside the base's recipe
# and is needed no more once the base is built.
. "$(dirname "$0")/../support/e2e.sh"
need_root
use_tiny
mkdir child
printf 'apiVersion: blueprint/v1\nname: child\nfrom: tiny:latest\nlayers: [{packages: [large]}]\n' >child/recipe.yaml
rm keyring.gpg tiny.yaml
ok blueprint build child
ok blueprint inspect child --json
same "$(json '[p["name"] for p in j["packages"] if p["name"] == "large"]')" "['large']"
