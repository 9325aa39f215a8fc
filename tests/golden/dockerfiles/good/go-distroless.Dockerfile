# syntax=docker/dockerfile:1.7
# check=skip=FromAsCasing;error=true
ARG GO_VERSION=1.22
ARG BASE=debian:12
FROM --platform=$BUILDPLATFORM golang:${GO_VERSION}-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG TARGETOS TARGETARCH TARGETVARIANT BUILDPLATFORM
ARG VERSION=v1.4.2
RUN --network=none CGO_ENABLED=0 GOOS=${TARGETOS} GOARCH=${TARGETARCH} GOARM=${TARGETVARIANT#v} \
    go build -trimpath -ldflags="-s -w -X main.version=${VERSION}" -o /out/server ./cmd/server

FROM ${BASE}
ARG VERSION=v1.4.2
LABEL org.opencontainers.image.version="${VERSION#v}" org.opencontainers.image.minor=${VERSION%.*}
COPY --from=build --chmod=0755 --chown=65532:65532 /out/server /usr/local/bin/server
USER 65532:65532
EXPOSE 8080/tcp
ENTRYPOINT ["server"]
