"""The plain batch scripts of scripts/slurm, made by what `romtool slurm` makes its own with.

python -m tests.batch.templates        writes them anew
"""

from itertools import pairwise
from pathlib import Path

from romtool.batch.job import Resources, Surroundings
from romtool.batch.plan import Call, Spreading, job_of, pipeline_calls
from romtool.batch.script import batch_script, submit_script
from romtool.batch.site import EnvironmentTable, SlurmTable

FOLDER = Path(__file__).parents[2] / "scripts" / "slurm"
ACTIVATE = '. "$HOME/romtool/.venv/bin/activate"'
RESOURCES = {
    "import": Resources(4, 1, 8000, 3600),
    "offline": Resources(4, 1, 16000, 4 * 3600),
    "online": Resources(1, 1, 1000, 1800),
    "study": Resources(1, 1, 1000, 4 * 3600),
    "report": Resources(1, 1, 4000, 1800),
}
REMARK = (
    "A template: `romtool slurm` writes such a script for a command of yours, with the memory that it will need.",
    "Change the lines of #SBATCH, what activates romtool, and what stands in `command`; the rest stays.",
)


def templates() -> dict[str, str]:
    """Return name -> text of all templates."""
    loads = ("loads/first.toml", "loads/second.toml")
    calls = pipeline_calls("case.toml", loads, ["first", "second"], ".")
    calls["study"] = Call("study", {"model": ("model",), "file": ("study.toml",)}, (("--output", "study"),))
    surroundings = Surroundings(SlurmTable(), EnvironmentTable(commands=[ACTIVATE]))
    texts = {}
    for name, call in calls.items():
        job = job_of(call, Spreading(shares=20 if name == "study" else 1))
        job = type(job)(f"romtool-{name}", job.command, RESOURCES[name], job.items, 0, REMARK, job.outputs)
        texts[f"{name}.sbatch"] = batch_script(job, surroundings)
    chain = ["import", "offline", "online", "report"]
    after = {name: [before] for before, name in pairwise(chain)}
    texts["submit.sh"] = submit_script({name: f"{name}.sbatch" for name in chain}, after, "")
    return texts


if __name__ == "__main__":
    for name, text in templates().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
