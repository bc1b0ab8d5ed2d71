#!/usr/bin/env bash
# slowhttptest, for a moment: tests/soak/slow.sh has it in full, and with TLS.
exec bash "$(dirname "$0")/../soak/slow.sh" "${1:-}" 8 http
