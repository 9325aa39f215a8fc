# syntax=docker/dockerfile:1.4
FROM debian:12
ENV NAME=world
RUN <<EOF
set -e
apt-get update
apt-get install -y vim
EOF
RUN <<'PY'
#!/usr/bin/env python3
print("hello")
PY
RUN python3 <<-EOF > /out.txt
	import sys
	print(sys.version)
	EOF
COPY <<EOF /etc/greeting
Hello $NAME, costs \$5 "quoted"
EOF
COPY --chmod=755 --chown=1000:1000 <<'A' <<"B" /usr/local/bin/
echo $NAME
A
echo b
B
RUN cat <<< "here string" && echo $((1<<2))
