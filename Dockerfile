# Headwater as an image: `docker build -t headwater .`, then `docker compose -f deploy/compose.yaml up`.
# The program is built in one stage; the image has it, the C library and certificates of authorities.
FROM rust:1.92-bookworm AS build
WORKDIR /src
COPY . .
RUN cargo build --release --locked --package headwater
RUN strip --strip-all -o /headwater target/release/headwater

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/*
RUN groupadd --system --gid 953 headwater \
    && useradd --system --uid 953 --gid headwater --home-dir /var/lib/headwater --shell /usr/sbin/nologin headwater
RUN install -d -m 0750 -o headwater -g headwater /var/lib/headwater \
    && install -d -m 0755 /etc/headwater/zones
COPY --from=build /headwater /usr/bin/headwater
COPY deploy/container.yaml /etc/headwater/headwater.yaml
USER headwater
WORKDIR /var/lib/headwater
VOLUME ["/var/lib/headwater"]
EXPOSE 5353/udp 5353/tcp 8443/tcp
# The control socket answers while the main loop turns.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["/usr/bin/headwater", "stats", "--data", "/var/lib/headwater"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/bin/headwater"]
CMD ["serve", "--config", "/etc/headwater/headwater.yaml", "--data", "/var/lib/headwater"]
