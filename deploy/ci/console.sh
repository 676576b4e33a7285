#!/usr/bin/env bash
# The console: its lock file is complete, types and formats hold, generated files are current, unit
# tests pass, and it builds, since api-gateway embeds the result.
set -euo pipefail
cd "$(dirname "$0")/../.."
.venv/bin/python deploy/native/stack.py console
cd services/console
npm run --silent check
npm test
