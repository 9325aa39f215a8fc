FROM debian:12
RUN groupadd -g 2000 team && useradd -u 1000 dev
USER dev:team
WORKDIR /work
RUN id
USER 1000
RUN id
WORKDIR /app
COPY --chown=1000:1000 package*.json ./
RUN npm ci
USER 0:0
RUN id
