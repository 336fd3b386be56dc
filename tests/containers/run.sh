#!/usr/bin/env bash
# The image and a network of three, for real: builds the image with a Docker daemon of its own, runs it as compose.yaml says, and
# pulls plugs. Needs root, dockerd, docker-compose, debootstrap and curl; leaves nothing behind.
#
# The base image is made here (debootstrap, the pinned Node.js and the npm of this machine) under the name that the Dockerfile
# asks for, so that no image has to be fetched. Ends with the line `N passed, N failed`, and status 1 when something failed.
set -uo pipefail
cd "$(dirname "$0")/../.."

base_name=node:26-bookworm-slim
work=$(mktemp -d /tmp/muster-containers.XXXXXX)
export DOCKER_HOST=unix://$work/docker.sock DOCKER_BUILDKIT=1 COMPOSE_PROJECT_NAME=mustertest
# A client newer than the daemon's may lack the builder; Debian's comes with it.
docker=/usr/bin/docker
[ -x $docker ] || docker=$(command -v docker)
compose() { docker-compose --file compose.yaml "$@"; }

# Three ports of this machine that nobody listens at.
read -r MUSTER_PORT_M1 MUSTER_PORT_M2 MUSTER_PORT_M3 < <(node -e '
  const servers = [0, 0, 0].map(() => require("net").createServer().listen(0, "127.0.0.1"))
  setImmediate(() => { console.log(servers.map((server) => server.address().port).join(" ")); servers.forEach((server) => server.close()) })')
export MUSTER_PORT_M1 MUSTER_PORT_M2 MUSTER_PORT_M3

passed=0 failed=0 dockerd_pid=
had_bridge=$(ip link show docker0 2>/dev/null | head -1)
# Docker leaves its rules behind; ours end with us.
iptables-save >"$work/iptables" 2>/dev/null

# check NAME COMMAND…: counts one test; shows what the command said when it fails.
check() {
  local name=$1 began=$SECONDS
  shift
  # Not in a subshell: the first one leaves us the daemon to end.
  if "$@" >"$work/said" 2>&1; then
    passed=$((passed + 1))
    echo "ok   $name ($((SECONDS - began)) s)"
  else
    failed=$((failed + 1))
    echo "FAIL $name ($((SECONDS - began)) s)"
    tail -40 "$work/said" | sed 's/^/     /'
  fi
}

# until SECONDS COMMAND…: again and again until it succeeds or time runs out.
until_true() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    if [ $SECONDS -ge $deadline ]; then "$@"; return 1; fi
    sleep 0.2
  done
}

finish() {
  if [ -n "$dockerd_pid" ]; then
    compose down --volumes --timeout 5 >/dev/null 2>&1
    $docker ps --all --quiet 2>/dev/null | xargs --no-run-if-empty $docker rm --force --volumes >/dev/null 2>&1
    $docker network prune --force >/dev/null 2>&1
    kill "$dockerd_pid" 2>/dev/null
    wait "$dockerd_pid" 2>/dev/null
    [ -n "$had_bridge" ] || ip link delete docker0 2>/dev/null
    iptables-restore <"$work/iptables"
  fi
  grep -o " $work[^ ]*" /proc/mounts | sort --reverse | xargs --no-run-if-empty umount --lazy
  rm -rf "$work"
  echo "$passed passed, $failed failed"
  # Said outright: a bare exit in a trap gives the status from before it.
  [ "$failed" = 0 ] && [ "$passed" -gt 0 ] && exit 0
  exit 1
}
trap finish EXIT
trap 'exit 1' INT TERM

start_docker() {
  mkdir "$work/data" "$work/exec"
  dockerd --data-root "$work/data" --exec-root "$work/exec" --pidfile "$work/docker.pid" --host "$DOCKER_HOST" \
    >"$work/dockerd.log" 2>&1 &
  dockerd_pid=$!
  until_true 60 $docker version || { tail -20 "$work/dockerd.log"; return 1; }
}

make_base() {
  local root=$work/base npm_root
  # MUSTER_BASE_TREE: a tree that debootstrap made before, to try this script again quickly.
  if [ -n "${MUSTER_BASE_TREE:-}" ]; then
    cp -a "$MUSTER_BASE_TREE" "$root"
  else
    debootstrap --variant=minbase --include=libatomic1,ca-certificates bookworm "$root" || return 1
  fi
  npm_root=$(npm root --global)
  mkdir -p "$root/usr/local/bin" "$root/usr/local/lib/node_modules"
  cp node_modules/node/bin/node "$root/usr/local/bin/node"
  cp -r "$npm_root/npm" "$root/usr/local/lib/node_modules/"
  ln -sf ../lib/node_modules/npm/bin/npm-cli.js "$root/usr/local/bin/npm"
  chroot "$root" id node >/dev/null 2>&1 || chroot "$root" useradd --uid 1000 --create-home node || return 1
  tar -C "$root" -c . | $docker import - $base_name || return 1
  rm -rf "$root"
}

# What npm knows of its registry goes in as a secret: into no layer, and into no file of this repository.
build_image() {
  local authorities=${NODE_EXTRA_CA_CERTS:-/etc/ssl/certs/ca-certificates.crt}
  { echo "registry=$(npm config get registry)"; echo 'cafile=/run/secrets/ca'; } >"$work/npmrc"
  $docker build --network host --secret "id=npmrc,src=$work/npmrc" --secret "id=ca,src=$authorities" --tag muster .
}

image_is_lean() {
  $docker run --rm --entrypoint sh muster -c '
    test "$(id -u)" = 1000 && test ! -e node_modules/typescript && test ! -e node_modules/node && test ! -e /root/.npmrc &&
    test -x /usr/local/bin/musterd && musterd --version'
}

address_of() { $docker inspect --format '{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}' "$1" | awk '{print $1}'; }
id_of() { compose ps --quiet "$1" 2>/dev/null; }
url_of() { echo "http://$(address_of "$(id_of "$1")"):2379"; }
is_healthy() { [ "$($docker inspect --format '{{.State.Health.Status}}' "$1")" = healthy ]; }
put() { curl -sS --fail --max-time 5 -X PUT "$1/v2/keys/$2" -d "value=$3"; }
holds() { curl -sS --max-time 5 "$1/v2/keys/$2?quorum=true" | grep --fixed-strings "\"value\":\"$3\""; }

single_serves() {
  local id url
  id=$($docker run --detach --read-only --cap-drop ALL --publish 127.0.0.1::2379 muster) || return 1
  url=http://$($docker port "$id" 2379/tcp | head -1)
  if until_true 40 is_healthy "$id" && put "$url" single yes && holds "$url" single yes; then
    stops_in_order "$id"
  else
    $docker logs "$id"
    return 1
  fi
}

# SIGTERM ends it with status 0, well within the time before Docker kills it.
stops_in_order() {
  local began=$SECONDS
  $docker stop --time 10 "$1" && [ "$($docker inspect --format '{{.State.ExitCode}}' "$1")" = 0 ] && [ $((SECONDS - began)) -le 6 ]
}

# A registrator outside of the containers, one member as its store, another as the service that comes and goes.
registrator_follows() {
  local store url web port agent result=1
  store=$($docker run --detach --publish 127.0.0.1::2379 --env SERVICE_IGNORE=yes muster) || return 1
  url=$($docker port "$store" 2379/tcp | head -1)
  until_true 40 is_healthy "$store" || return 1
  MUSTER_RUNTIME_DIR=$work/run node_modules/.bin/node bin/muster.ts registrator -hostname here -ip 127.0.0.1 \
    "etcd://$url/services" >"$work/registrator.log" 2>&1 &
  agent=$!
  web=$($docker run --detach --name web --publish 127.0.0.1::2379 --env SERVICE_NAME=web muster)
  port=$($docker port "$web" 2379/tcp | head -1 | sed 's/.*://')
  # Its HEALTHCHECK decides when it has an address.
  if until_true 40 holds "http://$url" services/web/here:web:2379 "127.0.0.1:$port" && $docker kill "$web" &&
    until_true 5 lacks "http://$url" services/web/here:web:2379; then result=0; fi
  kill "$agent" && wait "$agent" && until_true 5 lacks "http://$url" services/_agents/here || result=1
  [ $result = 0 ] || cat "$work/registrator.log"
  $docker rm --force --volumes "$store" "$web"
  return $result
}

lacks() { curl -sS --max-time 5 "$1/v2/keys/$2?quorum=true" | grep --fixed-strings '"errorCode":100'; }

all_healthy() {
  local member
  for member in m1 m2 m3; do is_healthy "$(id_of $member)" || return 1; done
}

three_start() { compose up --detach --no-build && until_true 60 all_healthy || { compose logs --tail 30; return 1; }; }
write_here_read_there() { put "$(url_of m1)" here one && holds "$(url_of m3)" here one && holds "$(url_of m2)" here one; }

published_ports_serve() {
  local port
  for port in $MUSTER_PORT_M1 $MUSTER_PORT_M2 $MUSTER_PORT_M3; do holds "http://127.0.0.1:$port" here one || return 1; done
}

plug_is_pulled() {
  $docker kill --signal KILL "$(id_of m1)" || return 1
  until_true 10 put "$(url_of m2)" without-m1 two && holds "$(url_of m3)" without-m1 two
}

killed_comes_back() {
  $docker start "$(id_of m1)" && until_true 40 is_healthy "$(id_of m1)" && until_true 10 holds "$(url_of m1)" without-m1 two
}

cut_off_and_back() {
  local network=${COMPOSE_PROJECT_NAME}_default cut
  cut=$(id_of m3)
  $docker network disconnect "$network" "$cut" || return 1
  until_true 10 put "$(url_of m1)" without-m3 three || return 1
  $docker network connect --alias m3 "$network" "$cut" && until_true 20 holds "$(url_of m3)" without-m3 three
}

data_outlives_containers() {
  compose stop --timeout 10 && compose rm --force && compose up --detach --no-build && until_true 60 all_healthy &&
    holds "$(url_of m1)" here one && holds "$(url_of m2)" without-m1 two && holds "$(url_of m3)" without-m3 three
}

example() { docker-compose --project-name musterexample --file examples/compose/compose.yaml "$@"; }

# Who answers through the ambassador: so many different containers in a row of requests.
answered_by() {
  local names
  names=$(for _ in $(seq 12); do curl -sS --fail --max-time 5 "http://127.0.0.1:$WEB_PORT/" || return 1; done | cut -d' ' -f1 | sort -u | wc -l)
  [ "$names" = "$1" ]
}

example_serves() {
  local port
  port=$(node -e 'const s = require("net").createServer().listen(0, () => { console.log(s.address().port); s.close() })')
  export WEB_PORT=$port DOCKER_SOCKET=$work/docker.sock
  if example up --detach --no-build && until_true 90 answered_by 2 &&
    example up --detach --no-build --scale web=3 && until_true 60 answered_by 3 &&
    example stop m2 && until_true 10 answered_by 3 &&
    example up --detach --no-build --no-deps --scale web=1 web && until_true 30 answered_by 1; then
    example down --volumes --timeout 5
  else
    example logs --tail 30
    return 1
  fi
}

third_stops_in_order() { stops_in_order "$(id_of m3)"; }

check 'a Docker daemon of our own starts' start_docker
[ "$failed" = 0 ] || exit 1
check 'a base image is made' make_base
check 'the image builds' build_image
[ "$failed" = 0 ] || exit 1
check 'the image holds what runs and nothing else, and runs as a plain user' image_is_lean
check 'one member with defaults becomes healthy on a read-only root, serves, and stops in order' single_serves
check 'a registrator announces containers that come, by their health, and removes those that go' registrator_follows
check 'three members of compose.yaml become healthy' three_start
check 'what is written through one member is read through the others' write_here_read_there
check 'the published ports serve' published_ports_serve
check 'the two others go on when one is killed' plug_is_pulled
check 'the killed one comes back with what it missed' killed_comes_back
check 'a member that was cut off the network catches up' cut_off_and_back
check 'data outlives the containers' data_outlives_containers
check 'a member of three stops in order' third_stops_in_order
compose down --volumes --timeout 5 >/dev/null 2>&1
check 'the example for Compose: an ambassador in front of containers that come and go, with a member less' example_serves
