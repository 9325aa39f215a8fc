FROM debian:12
ADD archive.tar.gz /opt/
ADD --chown=root:root archive.tar.gz /srv
COPY archive.tar.gz /opt/
