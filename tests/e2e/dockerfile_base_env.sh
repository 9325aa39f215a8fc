#!/usr/bin/env bash
# Variables, directory and user of the base image count in a Dockerfile as BuildKit has it, whatever the base is: a recipe,
# an image of the store, an OCI image.
. "$(dirname "$0")/../support/e2e.sh"
need_root
use_tiny
mkdir app
cd app || exit
cat >golike.yaml <<'YAML'
apiVersion: blueprint/v1
name: golike
from: tiny
layers:
  - run: mkdir -p /opt/go/bin && printf '#!/bin/sh\necho go "$GOPATH"\n' >/opt/go/bin/go && chmod 755 /opt/go/bin/go
env: {PATH: "/opt/go/bin:/usr/local/bin:/usr/bin:/bin", GOPATH: /go, LEVEL: base}
workdir: /srv
YAML
echo one >file
dockerfile() {
  cat >"$1" <<DOCKERFILE
FROM $2 AS build
RUN go >first
ENV PATH=/opt/own/bin:\$PATH LEVEL=\$LEVEL.own
WORKDIR sub
RUN go >second && echo "\$PATH \$LEVEL" >>second
COPY file .

FROM build
ENV PATH=\$PATH:\$GOPATH/bin
RUN cat /srv/first second file >/etc/result
DOCKERFILE
}
result=$'go /go\ngo /go\n/opt/own/bin:/opt/go/bin:/usr/local/bin:/usr/bin:/bin base.own\none'
check() {
  dockerfile "$1" "$2"
  ok blueprint build -f "$1" . -t "$1"
  err_has_not "counts as unset"
  ok blueprint cat "$1" /etc/result
  out_is "$result"
  same "$(image "$1" env)" "{'GOPATH': '/go', 'LEVEL': 'base.own', 'PATH': '/opt/own/bin:/opt/go/bin:/usr/local/bin:/usr/bin:/bin:/go/bin'}"
  same "$(image "$1" workdir)" /srv/sub
  ok blueprint build -f "$1" . -t "$1" --expect-cached
  ok blueprint plan -f "$1" .
}
check recipe golike # which nobody has built
ok blueprint export golike --format oci -o golike.tar
ok blueprint tag golike base:1
check store base:1
check archive oci://./golike.tar
mkdir unpacked && tar -xf golike.tar -C unpacked
check layout oci://./unpacked
if command -v skopeo >/dev/null; then
  skopeo --insecure-policy copy --quiet oci-archive:golike.tar docker-archive:saved.tar:acme/golike:1 >/dev/null
  check saved oci://./saved.tar:acme/golike:1
fi
# What an image from elsewhere holds back for its children is told, not left out.
python3 "$SUPPORT/make_oci.py" triggers --config '{"Env": ["PATH=/bin"], "OnBuild": ["COPY . /app", "RUN make"]}' >/dev/null <<'LAYERS'
layer
file etc/one one
LAYERS
printf 'FROM oci://./triggers\nCOPY file /\n' >onbuild
exits 3 blueprint build -f onbuild .
err_has "'oci://./triggers' holds instructions back with ONBUILD"
err_has "write them behind this line: COPY . /app; RUN make"
# Whoever changes the base's variables changes what sees them.
sed -i 's/LEVEL: base/LEVEL: other/' golike.yaml
exits 10 blueprint plan -f recipe .
ok blueprint build -f recipe . -t recipe
ok blueprint cat recipe /etc/result
out_is "${result/base.own/other.own}"
# What a file amounts to can be seen where no store may be made; variables of its base are not known then.
printf 'FROM debian:12\nENV A=$B\n' >elsewhere
ok blueprint --store /proc/nowhere config -f elsewhere .
err_has "'B' is not set in this file and counts as unset here"
# A base that is not there is said where FROM names it.
dockerfile missing oci://./missing.tar
exits 3 blueprint build -f missing .
err_has "missing:1:6: error: "
nothing_is_left
