# stream-engine and its media worker, and layer-service, which has the worker look into uploaded videos
# and sounds (ADR 56): the two images with GStreamer, and with it x264, whose licence is the GPL. They
# share all layers but the last.
#
#   docker build --target stream-engine --file deploy/engine.Dockerfile .
#
# BINARIES=build compiles here; BINARIES=prebuilt takes deploy/prebuilt, which `make prebuilt` fills
# from a build on a Debian 12 machine.
ARG BINARIES=build
ARG BASE_IMAGE=debian:bookworm-slim
ARG RUST_IMAGE=rust:1.95-slim-bookworm
# WEB=yes adds WebKit (25 MB to fetch, 90 MB on disk), for layers of kind `web`; `web.enabled` switches
# them on. WebKit in a stable distribution is as old as that: for an engine in a network of its own.
ARG WEB=no

FROM ${RUST_IMAGE} AS binaries-build
RUN apt-get update \
 && apt-get install --yes --no-install-recommends \
        pkg-config libgstreamer1.0-dev libgstreamer-plugins-base1.0-dev \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,id=stream-manager-target,target=/src/target,sharing=locked \
    cargo build --locked --release -p sm-stream-engine -p sm-media-engine -p sm-layer-service \
 && mkdir /binaries \
 && cp target/release/stream-engine target/release/media-worker target/release/layer-service /binaries/

FROM scratch AS binaries-prebuilt
COPY deploy/prebuilt /binaries

FROM binaries-${BINARIES} AS binaries

FROM ${BASE_IMAGE} AS runtime
RUN apt-get update \
 && apt-get install --yes --no-install-recommends \
        ca-certificates fonts-dejavu-core \
        gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad \
        gstreamer1.0-plugins-ugly gstreamer1.0-libav gstreamer1.0-tools \
 && rm -rf /var/lib/apt/lists/*
ARG WEB
RUN if [ "$WEB" = yes ]; then \
        apt-get update \
        && apt-get install --yes --no-install-recommends gstreamer1.0-wpe libgl1-mesa-dri libegl1 \
        && rm -rf /var/lib/apt/lists/* \
        && gst-inspect-1.0 wpevideosrc >/dev/null; \
    fi
# Looking at every plugin takes a second at the first start: done here, once.
ENV GST_REGISTRY=/usr/share/stream-manager/gstreamer-registry.bin
RUN mkdir /usr/share/stream-manager \
 && gst-inspect-1.0 >/dev/null \
 && gst-inspect-1.0 x264enc >/dev/null && gst-inspect-1.0 avenc_aac >/dev/null \
 && chmod 0644 "$GST_REGISTRY"
ENV GST_REGISTRY_UPDATE=no
# A new volume takes over the owner of the folder that it is mounted on.
RUN groupadd --gid 65532 stream-manager \
 && useradd --uid 65532 --gid 65532 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin stream-manager \
 && install --directory --owner=65532 --group=65532 --mode=0750 \
        /var/lib/stream-manager /var/lib/stream-manager/assets /var/lib/stream-manager/live /var/lib/stream-manager/recordings
COPY --from=binaries /binaries/media-worker /usr/local/bin/
USER 65532:65532
EXPOSE 4200 4290 4291

FROM runtime AS layer-service
COPY --from=binaries /binaries/layer-service /usr/local/bin/
ENTRYPOINT ["layer-service"]
HEALTHCHECK CMD ["layer-service", "healthcheck"]

FROM runtime AS stream-engine
COPY --from=binaries /binaries/stream-engine /usr/local/bin/
COPY --chmod=0755 deploy/engine-entrypoint.sh /usr/local/bin/engine-entrypoint
EXPOSE 4202/udp 4203/udp
# Starts stream-engine again when it dies, so that the picture stays up meanwhile.
ENTRYPOINT ["engine-entrypoint"]
HEALTHCHECK CMD ["stream-engine", "healthcheck"]
