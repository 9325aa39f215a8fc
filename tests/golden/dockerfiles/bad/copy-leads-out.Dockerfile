FROM debian:12
COPY --from=debian:12 ../x /srv/
ADD --from=debian:12 /x /srv/
