#!/bin/sh
# launch.sh PIDFILE COMMAND...: the process that becomes COMMAND says who it is, so that the file
# is right again after every restart by the supervisor.
echo $$ >"$1"
shift
exec "$@"
