FROM node:20 AS assets
WORKDIR /site
COPY package*.json ./
RUN npm ci
COPY public public
RUN npm run build

FROM nginx:1.27
RUN --mount=from=assets,source=/site/dist,target=/mnt/dist cp -r /mnt/dist/. /usr/share/nginx/html/
COPY nginx.conf /etc/nginx/conf.d/default.conf
COPY --from=assets /site/public/index.html /usr/share/nginx/html/index.html
HEALTHCHECK --interval=30s CMD curl -f http://localhost/ || exit 1
