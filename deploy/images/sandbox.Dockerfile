# The sandbox of an agent: its tools and nothing of ours that it could use. The runtime binds the supervisor and its Node over
# /opt/sallyport, so an image serves every version of them. The context is a folder with `node` in it.
ARG BASE=debian:bookworm-slim
FROM ${BASE}

RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
      bash ca-certificates curl file git iproute2 jq less libstdc++6 make openssh-client patch perl procps python3 python3-venv \
      ripgrep unzip util-linux xz-utils zip \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt /var/log/* /etc/machine-id /etc/ssh/ssh_host_* \
 && find / -xdev -perm /6000 -type f -exec chmod a-s {} + \
 && groupadd --gid 1000 agent \
 && useradd --uid 1000 --gid 1000 --no-create-home --home-dir /tmp/home --shell /bin/sh agent \
 && mkdir -p /opt/sallyport /opt/runners /run/sally /run/sallyport /workspace \
 && rm -rf /var/tmp /root /home/* && ln -s /tmp /var/tmp && mkdir -m 0700 /root

COPY node /usr/local/bin/node

LABEL org.opencontainers.image.title="Sallyport sandbox" \
      sh.sallyport.image="sandbox"

ENV PATH=/usr/local/bin:/usr/bin:/bin HOME=/tmp/home LANG=C.UTF-8
WORKDIR /tmp
USER 1000:1000
ENTRYPOINT []
CMD ["/bin/sh"]
