#!/usr/bin/env bash
# A build keeps a bill of materials and a provenance beside the image: valid by their schemas, the same for the same build,
# and without a part in the image's digest.
. "$(dirname "$0")/../support/e2e.sh"
need_root
use_tiny
valid() { python3 "$SUPPORT/schemas/validate.py" "$SUPPORT/schemas/$1.schema.json" "$2" >"$WORK/faults" || fail "$2: $(cat "$WORK/faults")"; }
python3 -c 'import jsonschema' 2>/dev/null || skip "needs python3-jsonschema"
digest=$(image tiny digest)
ok blueprint sbom tiny
cp out tiny.spdx.json
valid spdx-2.3 tiny.spdx.json
same "$(json '[p["externalRefs"][0]["referenceLocator"] for p in j["packages"] if p["name"] == "greeter"]')" \
  "['pkg:deb/ubuntu/greeter@1.0?arch=amd64&distro=noble']"
# Every package has the digest that its lock has.
same "$(json 'sorted(c["checksumValue"] for p in j["packages"] for c in p.get("checksums", []) if p["SPDXID"] != "SPDXRef-Image")')" \
  "$(grep -o 'sha256: "[0-9a-f]*"' tiny.lock.yaml | cut -d'"' -f2 | sort | python3 -c 'import sys; print(sys.stdin.read().split())')"
ok blueprint provenance tiny
cp out tiny.intoto.json
valid in-toto-slsa-v1 tiny.intoto.json
same "$(json 'j["subject"][0]["digest"]["sha256"]')" "${digest#sha256:}"
same "$(json 'j["predicate"]["buildDefinition"]["externalParameters"]["lock"]["digest"]["sha256"]')" "$(sha256sum <tiny.lock.yaml | cut -d' ' -f1)"

# Another store, another clock: the same image and the same documents.
mkdir other
cp -a store/debs other/
ok faketime -f '+400d' "$BLUEPRINT_BIN/blueprint" build tiny.yaml --offline --locked --store "$WORK/other"
out_is "tiny $digest"
ok blueprint sbom tiny --store "$WORK/other"
cmp out tiny.spdx.json || fail "the bill of materials of the same build differs"
ok blueprint provenance tiny --store "$WORK/other"
cmp out tiny.intoto.json || fail "the provenance of the same build differs"

# A child knows the packages of its parent, and what it copied and fetched.
mkdir app && echo hello >app/hello
cat >child.yaml <<END
apiVersion: blueprint/v1
name: child
from: tiny
layers:
  - copy: {from: ./app, to: /opt/app}
  - fetch: {url: "http://127.0.0.1:$PORT/fingerprint", sha256: "$(sha256sum <"$TINY/fingerprint" | cut -d' ' -f1)", to: /opt/tool}
END
ok blueprint build child.yaml
ok blueprint sbom child
cp out child.spdx.json
valid spdx-2.3 child.spdx.json
same "$(json '[len(p["checksums"]) for p in j["packages"] if p["name"] == "greeter"]')" "[1]"
same "$(json '[p["name"] for p in j["packages"] if "Material" in p["SPDXID"]]')" "['./app', 'fingerprint']"
ok blueprint provenance child
valid in-toto-slsa-v1 out
same "$(json 'j["predicate"]["buildDefinition"]["resolvedDependencies"][0]["digest"]["sha256"]')" "${digest#sha256:}"

# A build that changes nothing writes nothing, and what is removed takes its documents along.
find store -type f ! -name input-digests -printf '%p %s %T@\n' | sort >before
ok blueprint build child.yaml
find store -type f ! -name input-digests -printf '%p %s %T@\n' | sort | cmp - before || fail "a build that changed nothing wrote the store"
child=$(image child digest)
ok blueprint rm "$child"
! grep -q "$child" store/index.json || fail "an attachment of a removed image is listed"
exits 4 blueprint sbom child
# An image that was made elsewhere may lack them.
python3 - <<END
import json
index = json.load(open("store/index.json"))
index["manifests"] = [m for m in index["manifests"] if "vnd.blueprint.subject" not in m.get("annotations", {})]
json.dump(index, open("store/index.json", "w"))
END
exits 4 blueprint sbom tiny
err_has "has no bill of materials in this store [S061]"
ok blueprint build tiny.yaml --locked
ok blueprint sbom tiny
cmp out tiny.spdx.json || fail "a bill of materials that was made later differs"
