FROM debian:12
COPY requirement.txt /app/
COPY *.rs /app/
COPY ../x /app/
