FROM debian:12
COPY Makefile /usr/local/src
COPY nginx.conf /etc/nginx/nginx.conf
COPY *.json /srv/
COPY go.* /go/
COPY ["public", "/var/www/html"]
COPY --chmod=0755 scripts/start.sh /usr/local/bin/start
COPY --link src /opt/src
COPY vendor /opt/vendor
COPY . /opt/all
ADD scripts /opt/scripts
ADD --checksum=sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef https://example.org/tool-1.0.tar.gz /opt/
