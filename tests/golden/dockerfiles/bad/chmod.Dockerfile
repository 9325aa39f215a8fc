FROM debian:12
COPY --chmod=u+q Makefile /
COPY --chmod=8888 Makefile /
