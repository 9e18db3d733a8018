# weft in a container: docker build -t weft . (docs/containers.md). The classic builder understands all of it, too.
#
#   BASE      what weft runs on: a Debian or Ubuntu; if it has iproute2 and nftables, no package is installed
#   BUILD     what weft is built on: npm, and Debian's packages
#   PREBUILT  directory of the context that scripts/image-tree made: for builds that cannot reach npm's registry
ARG BASE=debian:bookworm-slim
ARG BUILD=node:24-bookworm-slim

FROM ${BUILD} AS build
ARG PREBUILT=
WORKDIR /src
COPY . .
RUN set -eu; \
    if [ -n "$PREBUILT" ]; then mkdir -p /tree; cp -a "$PREBUILT/." /tree; exit 0; fi; \
    apt-get update; \
    apt-get install -y --no-install-recommends g++ make python3; \
    npm ci --ignore-scripts --no-audit --no-fund; \
    npm rebuild raw-socket --nodedir="$(echo /src/node_modules/node-linux-*)"; \
    scripts/image-tree /tree

FROM ${BASE}
RUN set -eu; \
    if command -v ip && command -v nft; then exit 0; fi; \
    apt-get update; \
    apt-get install -y --no-install-recommends iproute2 nftables; \
    rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/apt /var/log/dpkg.log
COPY --from=build /tree/ /
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=10s --start-period=20s --retries=3 CMD ["weft", "status"]
ENTRYPOINT ["weft"]
CMD ["daemon"]
