FROM debian:12
ADD https://example.org/x.tar.gz /opt/
