ARG REGISTRY=registry.example:5000
FROM ${REGISTRY}/acme/go:1.22 AS build
FROM docker.io/acme/tool
COPY --from=build /out/app /usr/bin/app
COPY --from=localhost/acme/data@sha256:0000000000000000000000000000000000000000000000000000000000000000 /data /data
COPY --from=acme/plain:1 /x /x
COPY --from=docker.io/library/ubuntu:24.04 /etc/os-release /etc/other-release
RUN --mount=type=bind,from=registry.example/acme/keys,target=/keys true
