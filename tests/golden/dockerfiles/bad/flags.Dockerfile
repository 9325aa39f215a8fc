FROM --platform=$TARGETPLATFORM debian:12 AS one
COPY --from=two /x /x
COPY --parents ../x /y
COPY --parents missing/file /y
COPY --chmod=u+q Makefile /y
COPY --chmod=99 Makefile /y
ADD --parents Makefile /y
ADD git@example.org:x/y.git /y
USER dev:Team
FROM one AS two
ENV A="${B:?must be set}"
ENV C="open D=x
WORKDIR ${A%\x}
