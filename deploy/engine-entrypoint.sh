#!/bin/sh
# Runs stream-engine in its container, and starts it again when it dies: the container's media
# workers stay on air meanwhile, and the new process goes on with them. With arguments, such as
# `healthcheck`, it runs just that.
#
# The container's first process is its engine's init (`init: true`), which collects orphans; this is
# the second. A wrong configuration (78) or command line (64) is not tried again, nor an orderly end.
set -u

if [ $# -gt 0 ]; then
    exec stream-engine "$@"
fi

# Starts in a row that did not last, after which the container ends.
failures_max=${ENGINE_FAILURES_MAX:-5}
# So many seconds, and a start has lasted.
stable_s=${ENGINE_STABLE_S:-60}
# The first start after a death is immediate, the second after this many seconds; then it doubles.
wait_s=${ENGINE_WAIT_S:-1}

engine=
ending=
end() {
    ending=yes
    if [ -n "$engine" ]; then
        kill -TERM "$engine" 2>/dev/null
    fi
}
trap end TERM INT

failures=0
while :; do
    started=$(date +%s)
    stream-engine &
    engine=$!
    # A signal may have come before there was anybody to pass it on to.
    [ -n "$ending" ] && kill -TERM "$engine" 2>/dev/null
    # A signal ends `wait`, not the engine.
    while :; do
        wait "$engine"
        code=$?
        kill -0 "$engine" 2>/dev/null || break
    done
    engine=
    case $code in
        0 | 64 | 78) exit "$code" ;;
    esac
    [ -n "$ending" ] && exit "$code"
    if [ $(($(date +%s) - started)) -ge "$stable_s" ]; then
        failures=0
        next_wait_s=$wait_s
    fi
    failures=$((failures + 1))
    if [ "$failures" -gt "$failures_max" ]; then
        echo "stream-engine died $failures times in a row: the container ends" >&2
        exit "$code"
    fi
    echo "stream-engine ended with code $code and is started again" >&2
    if [ "$failures" -eq 1 ]; then
        next_wait_s=$wait_s
        continue
    fi
    sleep "$next_wait_s" &
    wait $!
    [ -n "$ending" ] && exit 0
    next_wait_s=$((next_wait_s * 2))
done
