FROM debian:12
ADD archive.tar.gz /opt/
