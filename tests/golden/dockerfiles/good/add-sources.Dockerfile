FROM debian:12
ADD --checksum=sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef --chmod=u=rwx,go=rx https://example.org/download/tool?arch=amd64 /usr/local/bin/tool
ADD --unpack=true --checksum=sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef https://example.org/tree.tar.xz /opt/tree/
ADD --unpack=false archive.tar.gz /opt/
ADD archive.tar.gz Makefile /srv/
ADD --link public /var/www/
