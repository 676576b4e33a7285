#!/bin/sh
# Stands in for the media worker, which layer-service does not build: it takes whatever begins like a
# video or a sound. The worker itself is looked at in crates/media-engine/tests/host/uploads.rs.
case "$2" in
*'"video/'*)
    echo '{"taken":{"size":[640,360],"duration_ms":4000,"video_codec":"H.264","audio_codec":"AAC","thumbnail":"image/jpeg"}}'
    printf 'a picture'
    ;;
*) echo '{"taken":{"duration_ms":2000,"audio_codec":"MP3"}}' ;;
esac
