FROM debian:12
ENV A=${B
ENV C=${D:?must}
ENV E=${F#x}
