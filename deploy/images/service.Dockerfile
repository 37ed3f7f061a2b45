# Every service of the control plane: which one runs is the first argument. Nothing but Node, the bundles and git is in it; what a
# service is told comes by environment and mounted files. The context is a folder with `node`, `dist` and `docs` in it.
ARG BASE=debian:bookworm-slim
FROM ${BASE}

RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends ca-certificates git libstdc++6 \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt /var/log/* /etc/machine-id \
 && find / -xdev -perm /6000 -type f -exec chmod a-s {} + \
 && groupadd --gid 10001 sallyport \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin sallyport

COPY node /usr/local/bin/node
COPY dist /app/dist
COPY docs /app/docs

LABEL org.opencontainers.image.title="Sallyport service" \
      sh.sallyport.image="service"

ENV NODE_ENV=production SALLY_API_DOCS=/app/docs
WORKDIR /app
USER 10001:10001
ENTRYPOINT ["/bin/sh", "-c", "exec /usr/local/bin/node \"/app/dist/services/$1.mjs\"", "service"]
CMD ["api"]
