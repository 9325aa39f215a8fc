ARG STREAM=bookworm
ARG ARCH=amd64
FROM --platform=linux/${ARCH} docker.io/library/debian:12@sha256:0000000000000000000000000000000000000000000000000000000000000000
ARG ARCH
RUN \
    --mount=type=cache,sharing=locked,id=${ARCH}-archives,target=/var/cache/apt \
    --mount=type=secret,id=${ARCH}_token \
<<EOF
    set -eux
    apt-get update
EOF
COPY \
  --chown=1000 \
  Makefile \
  # and
  nginx.conf \
  /opt/
