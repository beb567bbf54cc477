# romtool with PETSc, MPI, CalculiX and software OpenGL:
#   docker build -t romtool . && docker run --rm -it romtool bash scripts/demo.sh
FROM debian:12-slim

RUN useradd --create-home romtool
WORKDIR /opt/romtool
COPY . .
RUN bash scripts/setup.sh && rm -rf /var/lib/apt/lists/* /root/.cache && chown -R romtool:romtool .
USER romtool
ENV PATH="/opt/romtool/.venv/bin:${PATH}"
CMD ["romtool", "--help"]
