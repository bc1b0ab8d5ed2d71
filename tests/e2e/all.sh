#!/usr/bin/env bash
# Every end-to-end part; fails where one fails.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
passed=0 failed=0
for part in strict-tls verdicts clients certbot acme privileges mattermost token websocket browser meetings scanners frames load lines slow; do
  printf '\n--- e2e: %s\n' "$part"
  # A bound far above what a part takes, so that one that hangs fails and the rest still run.
  if timeout --kill-after=10 "${E2E_LIMIT:-600}" bash "$here/$part.sh" "$@"; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
done
printf '\n--- e2e: parts\n%s passed, %s failed\n' "$passed" "$failed"
[ "$failed" = 0 ]
