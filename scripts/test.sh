#!/usr/bin/env bash
# Set up, then style, types, documentation and all tests (with MPI where it is there). Arguments go to pytest.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
bash scripts/setup.sh || exit

failed=()
check() {
  local name=$1
  shift
  if "$@"; then echo "$name: fine"; else failed+=("$name"); fi
}
check "ruff check" .venv/bin/ruff check --quiet .
check "ruff format" .venv/bin/ruff format --check --quiet .
check "mypy" .venv/bin/mypy --no-error-summary
site=$(mktemp -d)
check "documentation" .venv/bin/sphinx-build -W --keep-going -q -b html docs "$site"
rm -rf "$site"
if [ ${#failed[@]} -gt 0 ]; then printf 'FAILED before the tests: %s\n' "${failed[@]}"; fi

# The tests of a file stay on one process: what they prepare together is made once.
.venv/bin/python -m pytest -n logical --maxprocesses 4 --dist loadfile "$@" || exit
[ ${#failed[@]} -eq 0 ] || { printf 'the tests passed, but FAILED: %s\n' "${failed[@]}"; exit 1; }
