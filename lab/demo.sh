#!/usr/bin/env bash
# The demo: a managed host, the hotel on it, and four rollouts under load. Leaves the app running.
set -euo pipefail
cd "$(dirname "$0")/.."
exec env PYTHONPATH=tests:lab python lab/demo.py
