# syntax=docker/dockerfile:1
FROM debian:12
ARG NAME=world
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
RUN <<EOT
apt-get update
apt-get install -y --no-install-recommends curl
rm -rf /var/lib/apt/lists/*
EOT
SHELL ["/bin/sh", "-c"]
RUN <<EOT bash
for i in 1 2 3; do
  echo "$i"
done
EOT
RUN <<-SETUP && echo done
	echo indented
	SETUP
RUN <<ONE cat > /one && <<TWO cat > /two
one
ONE
two
TWO
RUN <<EOT
#!/usr/bin/env -S python3 -u
print("${NAME}")
EOT
COPY <<-"SERVICE" /etc/systemd/system/app.service
	[Service]
	ExecStart=/usr/bin/app $NAME
	SERVICE
COPY --chown=nobody:nogroup <<EOT /etc/app.conf
name=${NAME:-nobody} path=\/a\\b price=\$5 ${NAME/o/0}
EOT
