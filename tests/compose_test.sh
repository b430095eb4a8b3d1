#!/usr/bin/env bash
# Proves docker-compose.yml for real: up, one report through to its reply, each container killed in turn and back, down.
# Needs a Docker engine with the compose plugin and the base images; ends by itself and removes what it made.
set -euo pipefail
cd "$(dirname "$0")/.."
export COMPOSE_PROJECT_NAME=suishoupai-test
export INTAKE_PORT=${INTAKE_PORT:-18101} ROUTER_PORT=${ROUTER_PORT:-18102} NOTIFIER_PORT=${NOTIFIER_PORT:-18103}
compose() { docker compose "$@"; }
say() { printf 'compose-test: %s\n' "$*"; }
finish() {
  status=$?
  if [ "$status" -ne 0 ]; then compose ps -a; compose logs --tail 30; fi
  compose down --volumes --remove-orphans --timeout 20 >/dev/null 2>&1 || true
  if [ "$status" -eq 0 ]; then say "all is well"; else say "FAILED"; fi
}
trap finish EXIT

.venv/bin/python -m stack secrets
compose --profile demo build --quiet
compose up --wait --wait-timeout 180
say "up and healthy"
.venv/bin/python -m tests.compose_life secrets/keys.env first

for container in intake router notifier; do
  found=$(compose exec -T "$container" sh -c 'grep -rls "[s]sp_" /run/secrets /run/clients; cat /proc/*/cmdline /proc/*/environ | tr "\0" "\n" | grep -aE "[s]sp_|[p]ostgresql://[^ ]*:"' || true)
  [ -z "$found" ] || { say "$container holds keys in plain text or shows a password: $found"; exit 1; }
done
say "no service holds a client's key, and none shows a password"

for container in kafka postgres intake router notifier; do
  compose kill --signal SIGKILL "$container" >/dev/null
  compose up --wait --wait-timeout 180 >/dev/null 2>&1
  .venv/bin/python -m tests.compose_life secrets/keys.env "after-$container"
  say "killed and back: $container"
done
for container in intake router notifier; do
  id=$(compose ps -q "$container")
  user=$(docker inspect -f '{{.Config.User}} {{.HostConfig.ReadonlyRootfs}}' "$id")
  [ "$user" = "10001:10001 true" ] || { say "$container runs as $user"; exit 1; }
  pid=$(docker inspect -f '{{.State.Pid}}' "$id")
  kill -9 "$pid"
  for _ in $(seq 120); do
    [ "$(docker inspect -f '{{.State.Health.Status}}' "$id")" = healthy ] && [ "$(docker inspect -f '{{.State.Pid}}' "$id")" != "$pid" ] && break
    sleep 0.5
  done
  .venv/bin/python -m tests.compose_life secrets/keys.env "restarted-$container"
  say "died by itself and was restarted by its policy: $container"
done
LOCAL_MODE=true compose up --wait --wait-timeout 120 >/dev/null 2>&1
LOCAL_MODE=true DEMO_REPORTS=60 compose --profile demo run --rm --no-TTY demo
say "the demo passed against it"
if compose logs --no-color | grep -a ssp_; then say "a key is in a log"; exit 1; fi
if compose --profile demo config | grep -a ssp_; then say "a key is in the configuration"; exit 1; fi
say "the most memory that each process of intake has had:" $(compose exec -T intake sh -c 'grep -h VmHWM /proc/[0-9]*/status')
docker stats --no-stream --format '{{.Name}}: {{.MemUsage}}'
