#!/usr/bin/env bash
# A fresh clone with the Node.js of this machine and nothing installed: `npm start` sets everything up and serves, a key can be
# stored and read, and SIGTERM to npm ends the member in order. Leaves nothing behind.
set -uo pipefail
cd "$(dirname "$0")/../.."

work=$(mktemp -d /tmp/muster-clone.XXXXXX)
npm_pid=
finish() {
  status=$?
  [ -z "$npm_pid" ] || kill "$npm_pid" 2>/dev/null
  rm -rf "$work"
  exit $status
}
trap finish EXIT

fail() {
  echo "fresh clone: $1"
  cat "$work/out"
  exit 1
}

git clone --quiet . "$work/clone" || exit 1
cd "$work/clone" || exit 1
# Two ports that nobody listens at.
read -r clients peers < <(node -e '
  const servers = [0, 0].map(() => require("net").createServer().listen(0, "127.0.0.1"))
  setImmediate(() => { console.log(servers.map((server) => server.address().port).join(" ")); servers.forEach((server) => server.close()) })')
echo "fresh clone: npm $(npm --version) on Node.js $(node --version)"

npm start -- --name fresh --data-dir "$work/data" \
  --listen-client-urls "http://127.0.0.1:$clients" --advertise-client-urls "http://127.0.0.1:$clients" \
  --listen-peer-urls "http://127.0.0.1:$peers" --initial-advertise-peer-urls "http://127.0.0.1:$peers" >"$work/out" 2>&1 &
npm_pid=$!

deadline=$((SECONDS + 240))
until grep --quiet '^musterd is ready' "$work/out"; do
  kill -0 $npm_pid 2>/dev/null || fail 'npm start ended'
  [ $SECONDS -lt $deadline ] || fail 'it did not serve in time'
  sleep 0.2
done

url=http://127.0.0.1:$clients/v2/keys/message
curl -sS --fail -L -X PUT "$url" -d value=Hello || fail 'a key could not be stored'
curl -sS --fail -L "$url" | grep --fixed-strings '"value":"Hello"' || fail 'the key could not be read'
[ -z "$(git status --porcelain)" ] || fail "the set-up changed files of the clone: $(git status --porcelain)"

kill -TERM $npm_pid
wait $npm_pid
status=$?
npm_pid=
[ $status = 0 ] || fail "npm start ended with status $status on SIGTERM"
curl -sS "$url" >/dev/null 2>&1 && fail 'the member outlived npm'
exit 0
