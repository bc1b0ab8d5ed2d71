#!/usr/bin/env bash
# Installs what the end-to-end scripts run, below target/e2e: node packages by their lock file, a Python environment by pinned versions.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
tools=$here/../../target/e2e
mkdir -p "$tools"
cp "$here/package.json" "$here/package-lock.json" "$tools/"
(cd "$tools" && npm ci --no-audit --no-fund --silent)
[ -x "$tools/venv/bin/python" ] || python3 -m venv "$tools/venv"
"$tools/venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt"
