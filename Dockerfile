# Two stages: the first compiles, the second holds what runs and nothing else.
#
# Behind a registry or an authority of your own, hand them to the build as secrets, which stay out of the image:
#   docker build --secret id=npmrc,src=$HOME/.npmrc --secret id=ca,src=/etc/ssl/certs/ca-certificates.crt .
# The npmrc finds the authorities at /run/secrets/ca.

FROM node:26-bookworm-slim AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
# Without install scripts: the native parts come prebuilt, and the image brings the Node.js that contributors get pinned.
RUN --mount=type=secret,id=npmrc,target=/root/.npmrc --mount=type=secret,id=ca \
    npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY scripts/build.ts scripts/
COPY bin bin
COPY src src
RUN PATH="$PWD/node_modules/.bin:$PATH" node scripts/build.ts \
 && npm prune --omit=dev --ignore-scripts --no-audit --no-fund --offline

FROM node:26-bookworm-slim
WORKDIR /app
COPY package.json LICENSE ./
COPY --from=build /build/node_modules node_modules
COPY --from=build /build/dist dist
RUN ln -s /app/dist/bin/musterd.js /usr/local/bin/musterd \
 && ln -s /app/dist/bin/muster.js /usr/local/bin/muster \
 && install -d -m 0700 -o 1000 -g 1000 /data

# Defaults as ETCD_ variables, so that whatever you say by flag or by either kind of variable comes before them.
ENV NODE_ENV=production \
    ETCD_DATA_DIR=/data \
    ETCD_LISTEN_CLIENT_URLS=http://0.0.0.0:2379 \
    ETCD_ADVERTISE_CLIENT_URLS=http://localhost:2379 \
    ETCD_LISTEN_PEER_URLS=http://0.0.0.0:2380 \
    ETCD_LOG_FORMAT=json
USER 1000:1000
VOLUME /data
EXPOSE 2379 2380
STOPSIGNAL SIGTERM
# Reads the variables, not the flags: move the client port by variable, or override this with `muster healthcheck --url …`.
HEALTHCHECK --interval=10s --timeout=5s --start-period=15s --retries=3 CMD ["muster", "healthcheck"]
ENTRYPOINT ["musterd"]
