#!/usr/bin/env bash
# Make .venv with romtool and all that its tests and cases need. Run it as often as you like: nothing is done twice.
#
#   bash scripts/setup.sh [--force]        --force: even where nothing has changed
#
# As root, or with sudo, Debian's packages for PETSc, MPI, CalculiX, a fast BLAS and software OpenGL are installed too.
# Without them (or elsewhere: PYTHON=python3.12 bash scripts/setup.sh) all comes from PyPI, and what is missing is said.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf '[setup %3ss] %s\n' "$SECONDS" "$*"; }
warn() { printf '[setup] note: %s\n' "$*" >&2; }

venv=.venv
stamp=$venv/setup.stamp
chosen=$venv/setup.python # the Python that was named, kept for the next time
if [ -z "${PYTHON:-}" ] && [ -f $chosen ]; then PYTHON=$(cat $chosen); fi
petsc_site() { ls -d /usr/lib/petscdir/petsc*/*-real/lib/python3/dist-packages 2>/dev/null | sort -V | tail -n 1 || true; }
fingerprint() { { pwd; echo "${PYTHON:-} ${EXTRAS:-} ${WITHOUT:-}"; petsc_site; command -v mpiexec || true; cat pyproject.toml scripts/setup.sh; } | sha256sum | cut -c 1-64; }

if [ "${1:-}" != --force ] && [ -x $venv/bin/romtool ] && [ "$(cat $stamp 2>/dev/null)" = "$(fingerprint)" ]; then
  exit 0
fi
rm -f $stamp

# --- packages of the distribution ------------------------------------------------------------------------------------
wanted=(
  ca-certificates python3 python3-venv python3-petsc4py-real python3-mpi4py openmpi-bin libopenblas0-pthread calculix-ccx
  gfortran # compiles the user subroutine of cases/umat and of its tests
  chromium # opens the pages of reports in their tests
  # libraries of the gmsh wheel, and software OpenGL for pictures without a display
  libglu1-mesa libgl1 libegl1 libegl-mesa0 libgl1-mesa-dri libosmesa6 libxcursor1 libxinerama1 libxft2 libxfixes3
  libxrender1 libxext6 libsm6 libfontconfig1 libgomp1
)

# A cluster of one node for the tests of batch jobs; where an init system runs, it would start the daemons for good.
if [ -z "${EXTRAS:-}" ] && [ ! -d /run/systemd/system ]; then wanted+=(slurmctld slurmd slurm-client munge shellcheck); fi

# An image needs less: EXTRAS=mpi,pictures WITHOUT="calculix-ccx gfortran" bash scripts/setup.sh
absent_packages() {
  local package
  for package in "${wanted[@]}"; do
    if [[ " ${WITHOUT:-} " = *" $package "* ]]; then continue; fi
    dpkg-query -W -f='${Status}\n' "$package" 2>/dev/null | grep -q '^install ok installed' || echo "$package"
  done
}

as_root() { if [ "$(id -u)" = 0 ]; then env DEBIAN_FRONTEND=noninteractive "$@"; else sudo -n env DEBIAN_FRONTEND=noninteractive "$@"; fi; }

install_packages() {
  local absent available=() package
  mapfile -t absent < <(absent_packages)
  [ ${#absent[@]} -gt 0 ] || return 0
  if [ "$(id -u)" != 0 ] && ! sudo -n true 2>/dev/null; then
    warn "neither root nor sudo: going on without these packages: ${absent[*]}"
    return 0
  fi
  say "installing ${#absent[@]} packages with apt"
  as_root apt-get update -qq || { warn "apt-get update failed: going on without: ${absent[*]}"; return 0; }
  for package in "${absent[@]}"; do
    if apt-cache show "$package" >/dev/null 2>&1; then available+=("$package"); else warn "this release has no package $package"; fi
  done
  [ ${#available[@]} -gt 0 ] || return 0
  as_root apt-get install -y -qq --no-install-recommends "${available[@]}" >/dev/null ||
    warn "apt-get install failed: going on without: ${available[*]}"
}

if command -v apt-get >/dev/null; then install_packages; else warn "no apt-get: all comes from PyPI"; fi

# --- Python ----------------------------------------------------------------------------------------------------------
new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

# PETSc's Python module belongs to the distribution's own Python; any other one goes without.
find_python() {
  local candidate
  if [ -z "${PYTHON:-}" ] && [ -n "$(petsc_site)" ] && new_enough /usr/bin/python3; then echo /usr/bin/python3; return; fi
  for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
    if new_enough "$candidate"; then command -v "$candidate"; return; fi
  done
  echo "no Python of at least 3.11 was found; install one, or name it: PYTHON=... bash scripts/setup.sh" >&2
  return 1
}

python=$(find_python)
with_petsc=$([ "$python" = /usr/bin/python3 ] && petsc_site || true)
say "virtual environment of $("$python" --version)"
# Another Python, or another kind of environment, starts from nothing.
kind() { "$@" -c 'import sys; print(*sys.version_info[:2])'; }
old=$([ -x $venv/bin/python ] && kind $venv/bin/python && grep include-system-site-packages $venv/pyvenv.cfg || true)
new=$(kind "$python" && echo "include-system-site-packages = $([ -n "$with_petsc" ] && echo true || echo false)")
clear=$([ -n "$old" ] && [ "$old" != "$new" ] && echo --clear || true)
"$python" -m venv $clear ${with_petsc:+--system-site-packages} $venv
if [ -n "${PYTHON:-}" ]; then echo "$PYTHON" >$chosen; fi

# A .pth file makes PETSc's module visible; it and mpi4py are bound to the distribution's NumPy series.
site=$($venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
constraints=$venv/constraints.txt
: >$constraints
rm -f "$site/distribution_petsc4py.pth"
extras=${EXTRAS:-mpi,pictures,partition,exodus,fmu,xarray,cases,oracles,dev,docs}
if [ -n "$with_petsc" ]; then
  echo "$with_petsc" >"$site/distribution_petsc4py.pth"
  numpy=$(/usr/bin/python3 -I -c 'import numpy; print(numpy.__version__.split(".")[0])' 2>/dev/null || echo 2)
  if [ "$numpy" = 1 ]; then
    echo 'numpy<2' >$constraints
    [ -n "${EXTRAS:-}" ] || extras+=,nastran # pyNastran needs it too
  fi
fi
if ! command -v mpiexec >/dev/null; then extras+=,mpiexec; fi

say "packages of Python (extras: $extras)"
$venv/bin/python -m pip install -qq --disable-pip-version-check --prefer-binary -c $constraints -e ".[$extras]"

# --- what is there ---------------------------------------------------------------------------------------------------
say "compiling (the first run of romtool need not)"
OMP_NUM_THREADS=1 $venv/bin/python -m romtool.pipeline.warmup

smoke_test() {
  local mpiexec=$venv/bin/mpiexec
  [ -x $mpiexec ] || mpiexec=$(command -v mpiexec) || { warn "no mpiexec: romtool runs on one process"; return 0; }
  OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1 OMP_NUM_THREADS=1 \
    PRTE_ALLOW_RUN_AS_ROOT=1 PRTE_ALLOW_RUN_AS_ROOT_CONFIRM=1 PRTE_MCA_rmaps_default_mapping_policy=:oversubscribe \
    timeout 60 "$mpiexec" -n 2 $venv/bin/python -c '
from mpi4py import MPI
total = MPI.COMM_WORLD.allreduce(1)
if MPI.COMM_WORLD.rank == 0: print(f"MPI: {total} of 2 processes meet ({MPI.Get_library_version().splitlines()[0].split(chr(44))[0]})")
raise SystemExit(total != 2)' </dev/null || warn "MPI does not work here (see above): romtool runs on one process"
}
smoke_test
$venv/bin/python -c 'from petsc4py import PETSc; print("PETSc:", ".".join(map(str, PETSc.Sys.getVersion())))' 2>/dev/null ||
  warn "no PETSc: the built-in solver uses SciPy's direct solver on one process"
command -v gfortran >/dev/null || warn "no gfortran: the tests and the case with a UMAT are left out"
command -v ccx >/dev/null || warn "no ccx (CalculiX): the demo uses romtool's built-in solver instead"

fingerprint >$stamp
say "done: $venv/bin/romtool"
