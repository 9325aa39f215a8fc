FROM debian:12
COPY --chmod=u+x --parents Makefile /
