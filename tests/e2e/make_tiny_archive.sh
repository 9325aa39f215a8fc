#!/usr/bin/env bash
# Fixture: the synthetic archive that most scripts build from.
. "$(dirname "$0")/../support/e2e.sh"
rm -rf "$TINY"
mkdir -p "$E2E_FIXTURES"
python3 "$SUPPORT/archive/make_archive.py" synthetic "$TINY.new" --tiny
mv "$TINY.new" "$TINY"
