FROM debian:12
LABEL "a key"=x
