#!/usr/bin/env bash
# The whole way of a reduced model on a turbine blade: solver runs, import, training, a new load case, errors, report.
#
#   bash scripts/demo.sh [FOLDER]          FOLDER (default: demo-out) is made anew
#
# With CalculiX (ccx) its results train the model and judge it; without, romtool's built-in solver takes its place.
set -euo pipefail
called_from=$PWD
cd "$(dirname "${BASH_SOURCE[0]}")/.."
repository=$PWD
out=${1:-demo-out}
if [ $# -gt 0 ] && [ "${out#/}" = "$out" ]; then out=$called_from/$out; fi

if [ -e "$out" ] && [ -n "$(ls -A "$out" 2>/dev/null)" ] && [ ! -f "$out/.romtool-demo" ]; then
  echo "$out exists and is not an earlier demo; name another folder or remove it" >&2
  exit 2
fi
bash scripts/setup.sh
rm -rf "$out"
mkdir -p "$out"
touch "$out/.romtool-demo"
out=$(cd "$out" && pwd)

now() { date +%s.%N; }
since() { awk -v a="$1" -v b="$(now)" 'BEGIN { printf "%.1f s", b - a }'; }

# Say a command, run it (from .venv, in the demo's folder), say how long it took.
run() {
  local started command=$1
  printf '\n$ %s\n' "${*//$repository\//}"
  started=$(now)
  shift
  "$repository/.venv/bin/$command" "$@"
  printf '  (%s)\n' "$(since "$started")"
}

# One CalculiX run on one thread; it leaves with 0 even where it did not converge, so its log is read.
run_ccx() {
  local started
  started=$(now)
  if ! OMP_NUM_THREADS=1 ccx "$1" >"$1.log" 2>&1 || ! grep -q 'Job finished' "$1.log"; then
    printf 'ccx %s failed; the end of %s.log:\n' "$1" "$1" >&2
    tail -n 15 "$1.log" >&2
    return 1
  fi
  printf '  ccx %-8s finished (%s)\n' "$1" "$(since "$started")"
}

# All CalculiX runs, as many at a time as there are processors.
run_all_ccx() {
  local started=0 failed=0 name
  started=$(now)
  printf '\n$ cd solver; ccx %s\n' "$(printf '%s, ' "$@" | sed 's/, $//')"
  cd solver
  for name in "$@"; do
    while [ "$(jobs -rp | wc -l)" -ge "$(getconf _NPROCESSORS_ONLN)" ]; do wait -n || failed=1; done
    run_ccx "$name" &
    printf '  ccx %-8s started\n' "$name"
  done
  while [ -n "$(jobs -p)" ]; do wait -n || failed=1; done
  cd ..
  printf '  (%s)\n' "$(since "$started")"
  return $failed
}

begun=$(now)
cd "$out"
if command -v ccx >/dev/null; then
  echo "CalculiX computes three flights to train with, and a fourth to compare with."
  run python "$repository/cases/blade/make.py" -o .
  run_all_ccx nominal low high unseen
  reference=solver/unseen.frd
else
  echo "CalculiX (ccx) is not installed: romtool's own solver computes three flights to train with, and a fourth to compare with."
  run python "$repository/cases/blade/make.py" -o . --without-ccx
  run romtool solve case.toml loads/nominal.toml loads/low.toml loads/high.toml loads/unseen.toml -o ref
  reference=ref/unseen
fi
run romtool import case.toml
run romtool offline case.toml -o model
run romtool online model loads/unseen.toml -o out
run romtool compare out/unseen $reference
run romtool fields out/unseen --at 20,140,3860 --names u,p,stress -o fields.xdmf
run romtool report model out/unseen $reference -o report.html
printf '\nThe demo took %s in %s\nThe report is %s/report.html\n' "$(since "$begun")" "$out" "$out"
