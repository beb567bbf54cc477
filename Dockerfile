# romtool with MPI, PETSc (MUMPS, hypre) and software OpenGL, for a user who is not root:
#   docker build -t romtool .                                         with CalculiX: --build-arg WITHOUT=gfortran
#   docker run --rm -v "$PWD:/work" romtool offline case.toml -o model
# Everything else about containers: docs/cluster.md. Checked without Docker by scripts/check_container.py.
FROM debian:12-slim

ARG WITHOUT="calculix-ccx gfortran"
ARG EXTRAS="mpi,pictures,partition,exodus"

RUN useradd --create-home --uid 1000 romtool
WORKDIR /opt/romtool
COPY pyproject.toml README.md LICENSE ./
COPY scripts/setup.sh scripts/
COPY romtool romtool/
RUN bash scripts/setup.sh \
    && chown -R romtool:romtool . \
    && rm -rf /var/lib/apt/lists/* /root/.cache

ENV PATH="/opt/romtool/.venv/bin:${PATH}" \
    OMP_NUM_THREADS=1 \
    OPENBLAS_NUM_THREADS=1 \
    MKL_NUM_THREADS=1 \
    NUMBA_NUM_THREADS=1
USER romtool
WORKDIR /work
HEALTHCHECK NONE
ENTRYPOINT ["romtool"]
CMD ["--help"]
