"""The text of batch scripts: what bash and sbatch read back is what was meant."""

import shlex
import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from romtool.batch.job import ITEM, Job, Resources, Surroundings
from romtool.batch.plan import Call, Spreading, job_of, pipeline_calls
from romtool.batch.script import batch_script, quoted, submit_script
from romtool.batch.site import EnvironmentTable, SlurmTable, read_site
from romtool.errors import InputError
from tests.batch.templates import FOLDER, templates

PLAIN = Surroundings(SlurmTable(), EnvironmentTable())
ODD = "a 'b' \"c\" $HOME `d` #%j é"


def text_of(job: Job, surroundings: Surroundings = PLAIN) -> str:
    return batch_script(job, surroundings)


def directives(text: str) -> list[str]:
    return [line.removeprefix("#SBATCH ") for line in text.splitlines() if line.startswith("#SBATCH ")]


def check_bash(text: str) -> None:
    done = subprocess.run(["bash", "-n"], input=text, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    if shutil.which("shellcheck"):
        done = subprocess.run(
            ["shellcheck", "--exclude=SC2016,SC1091", "-"], input=text, text=True, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stdout


def read_back(text: str, name: str, **variables: str) -> list[str]:
    """Return what bash makes of an array of a script."""
    before = "\n".join(f"{key}={shlex.quote(value)}" for key, value in variables.items())
    body = text.split("# --- the same")[0]
    program = f"{before}\n{body}\nprintf '%s\\0' \"${{{name}[@]}}\""
    done = subprocess.run(["bash", "-c", program], capture_output=True, check=True)
    return done.stdout.decode().split("\0")[:-1]


def test_a_script_asks_for_what_was_said():
    slurm = SlurmTable(account="me", partition="long", options=["--constraint=new,fast", "--exclusive"])
    job = Job("train", ("offline", "case.toml"), Resources(8, 2, 1500, 3600), remarks=("because",))
    text = text_of(job, Surroundings(slurm, EnvironmentTable(modules=["gcc/12", "mpi"]), "/scratch"))
    expected = {"--account=me", "--partition=long", "--nodes=2", "--ntasks=8", "--cpus-per-task=1", "--mem=1500M"}
    expected |= {"--time=01:00:00", "--signal=B:USR1@300", "--requeue", "--open-mode=append", "--exclusive"}
    assert expected <= set(directives(text))
    assert {"--chdir=/scratch", "--output=/scratch/train-%j.log", "--constraint=new,fast"} <= set(directives(text))
    assert "module load gcc/12 mpi\n" in text
    assert "# because\n" in text
    assert "OMP_NUM_THREADS=1" in text
    check_bash(text)


def test_a_container_runs_romtool():
    table = EnvironmentTable(container="/images/rom tool.sif", commands=["export X=1"])
    text = text_of(Job("x", ("online",)), Surroundings(SlurmTable(), table))
    assert read_back(text, "romtool") == ["apptainer", "exec", "/images/rom tool.sif", "romtool"]


@settings(max_examples=25, deadline=None)
@given(st.text(st.characters(codec="utf-8", exclude_characters="\0\n\r"), min_size=1))
def test_bash_reads_back_any_word(word):
    text = text_of(Job("x", ("online", word)))
    assert read_back(text, "command") == ["online", word]


def test_odd_paths_in_all_places():
    job = Job("x", ("online", "--output", ODD, "model", ITEM), items=(ODD, "b.toml"), outputs=(ODD,))
    text = text_of(job, Surroundings(SlurmTable(), EnvironmentTable(), f"/tmp/{ODD}", ODD))
    check_bash(text)
    assert read_back(text, "command", SLURM_ARRAY_TASK_ID="0") == ["online", "--output", ODD, "model", ODD]
    assert read_back(text, "command", SLURM_ARRAY_TASK_ID="1")[-1] == "b.toml"
    assert read_back(text, "outputs", SLURM_ARRAY_TASK_ID="1") == [ODD]
    escaped = ODD.replace('"', r"\"")
    assert f'--chdir="/tmp/{escaped}"' in directives(text)
    log = escaped.replace("%", "%%")
    assert f'--output="/tmp/{log}/{log}/x-%A_%a.log"' in directives(text)


def test_what_no_script_can_hold_is_refused():
    with pytest.raises(InputError, match="line break"):
        quoted("a\nb")
    with pytest.raises(InputError, match="backslash"):
        text_of(Job("x", ("online",)), Surroundings(SlurmTable(), EnvironmentTable(), "/a\\b"))
    with pytest.raises(InputError, match="line break"):
        text_of(Job("x", ("online",)), Surroundings(SlurmTable(), EnvironmentTable(), "/a\nb"))


def test_the_signal_leaves_time_in_a_short_job():
    text = text_of(Job("x", ("online",), Resources(time=120)))
    assert "--signal=B:USR1@30" in directives(text)


def test_several_loads_are_an_array():
    call = Call("online", {"model": ("model",), "loads": ("a.toml", "b c.toml")}, (("--output", "out"),))
    job = job_of(call, Spreading(at_once=1))
    text = text_of(job)
    assert "--array=0-1%1" in directives(text)
    assert "--output=online-%A_%a.log" in directives(text)
    assert read_back(text, "command", SLURM_ARRAY_TASK_ID="1") == ["online", "--output", "out", "model", "b c.toml"]
    check_bash(text)


@pytest.mark.parametrize("options", [((("--adapt",),), False), ((), True)])
def test_loads_that_belong_together_are_one_job(options):
    call = Call("online", {"model": ("m",), "loads": ("a.toml", "b.toml")}, (("--output", "out"), *options[0]))
    assert job_of(call, Spreading(alone=options[1])).items == ()


def test_shares_of_a_study_are_an_array():
    call = Call("study", {"model": ("m",), "file": ("s.toml",)}, (("--output", "out"),))
    job = job_of(call, Spreading(shares=3))
    assert read_back(text_of(job), "command", SLURM_ARRAY_TASK_ID="2")[:5] == [
        "study",
        "--output",
        "out",
        "--part",
        "3/3",
    ]
    with pytest.raises(InputError, match="--shares"):
        job_of(Call("offline", {"case": ("c",)}), Spreading(shares=3))


def test_what_changes_on_disk_is_known():
    call = Call("offline", {"case": ("a/case.toml",)}, (("--output", "m"),))
    assert job_of(call, Spreading()).outputs == ("a/dataset", "a/.dataset.work", "m", ".m.work")


def test_a_chain_waits_for_what_it_needs():
    calls = pipeline_calls("case.toml", ["l/a.toml"], ["a"], "d")
    assert list(calls) == ["import", "offline", "online", "report"]
    assert calls["report"].words == ("report", "--output", "d/report.html", "d/model", "d/out/a")
    text = submit_script({"one": "1 s", "two": "2"}, {"two": ["one"]}, "/a b")
    check_bash(text)
    assert "cd '/a b'" in text
    assert 'sbatch --parsable "--dependency=afterok:${job_one}" --kill-on-invalid-dep=yes 2' in text


@pytest.mark.parametrize("name", sorted(templates()))
def test_the_plain_templates_are_what_the_tool_writes(name):
    text = (FOLDER / name).read_text(encoding="utf-8")
    assert text == templates()[name], "write them anew: python -m tests.batch.templates"
    check_bash(text)


def test_the_example_of_a_site_file_has_every_key():
    found = read_site(FOLDER / "site.toml")
    assert found.slurm.model_fields_set == set(SlurmTable.model_fields)
    assert found.environment.model_fields_set == {"modules", "commands"}
