#!/usr/bin/env bash
# The TypeScript client as a package: types and formats hold, generated files are current, unit tests
# pass, and what is published builds within its limit of size and can be installed.
set -euo pipefail
cd "$(dirname "$0")/../.."
.venv/bin/python deploy/native/stack.py client
cd clients/typescript
npm run --silent check
npm test
npm run --silent build
npm run --silent pack-gate
