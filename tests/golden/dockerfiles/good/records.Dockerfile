FROM debian:12
MAINTAINER Somebody <a@example.org>
LABEL org.opencontainers.image.source="https://example.org" version=1 \
      description="two words"
VOLUME /data
VOLUME ["/a", "/b"]
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s CMD curl -f http://localhost/ || exit 1
EXPOSE 80 443/tcp 53/udp 9000-9002
ENTRYPOINT exec top -b
USER 1000:100
