FROM debian:12
COPY *.nothing /srv/
COPY --from=debian:12 ../x /srv/
ADD --from=debian:12 /x /srv/
COPY --parents src/a /srv/
