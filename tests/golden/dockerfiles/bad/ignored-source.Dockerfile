FROM debian:12
COPY notes.log /app/
COPY vendor/a.txt /app/
