FROM debian:12
ADD https://example.org/x.git#main /opt/
