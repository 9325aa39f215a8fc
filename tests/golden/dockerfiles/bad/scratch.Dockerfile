FROM scratch
COPY Makefile /
