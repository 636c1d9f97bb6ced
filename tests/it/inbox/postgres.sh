#!/bin/sh
# Runs a private PostgreSQL in the folder $1: a socket, and nothing on the network. It is gone, and the folder with it, when standard
# input ends, so it outlives no test that is killed. Lines on standard input: `restart` (immediate, as after a crash), `stop`, `start`.
# Each is answered with `ready` or `stopped`. Exit status 77: there is no PostgreSQL here.
set -eu
folder=$1
bin=
for candidate in "$(dirname "$(command -v initdb || echo /nowhere/initdb)")" /usr/lib/postgresql/*/bin; do
    if [ -x "$candidate/initdb" ] && [ -x "$candidate/postgres" ]; then
        bin=$candidate
    fi
done
[ -n "$bin" ] || exit 77

# PostgreSQL refuses to run as root.
as=
mkdir -p "$folder"
if [ "$(id -u)" = 0 ]; then
    chown postgres "$folder"
    as='setpriv --reuid=postgres --regid=postgres --init-groups --reset-env'
fi
chmod 700 "$folder"
cd "$folder"

$as "$bin/initdb" -D "$folder/data" -U inbox -A trust --no-sync --no-instructions -E UTF8 --locale=C >/dev/null
$as tee -a "$folder/data/postgresql.conf" >/dev/null <<END
listen_addresses = ''
unix_socket_directories = '$folder'
max_connections = 120
shared_buffers = 64MB
END

server=
start() {
    $as "$bin/postgres" -D "$folder/data" >>"$folder/log" 2>&1 &
    server=$!
    until "$bin/pg_isready" -q -h "$folder" -d postgres; do
        kill -0 "$server" || exit 1
    done
    echo ready
}
stop() {
    if [ -n "$server" ]; then
        kill -QUIT "$server" 2>/dev/null || true
        wait "$server" 2>/dev/null || true
        server=
    fi
}
trap 'stop; cd /; rm -rf "$folder"' EXIT

start
while read -r line; do
    case $line in
        restart) stop; start ;;
        start) start ;;
        stop) stop; echo stopped ;;
    esac
done
