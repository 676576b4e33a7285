#!/bin/sh
# launch.sh PIDFILE ERRORS COMMAND...: the process that becomes COMMAND says who it is, so that the
# file is right again after every restart by the supervisor. Its standard error goes to the file
# ERRORS, which outlives the supervisor's pipe, unless that is "-".
echo $$ >"$1"
errors=$2
shift 2
[ "$errors" = - ] && exec "$@"
# Kept small at every start; what still writes to the old file goes on doing so.
[ "$(stat -c %s "$errors" 2>/dev/null || echo 0)" -gt 10000000 ] && mv "$errors" "$errors.1"
exec "$@" 2>>"$errors"
