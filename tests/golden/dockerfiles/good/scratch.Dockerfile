FROM scratch
ADD archive.tar.gz /
COPY Makefile /
