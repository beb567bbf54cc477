"""`romtool operators` from functions in a case file to answers, on exported matrices only; and bad input."""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import h5py
import numpy as np
import pytest
from scipy import sparse
from scipy.sparse.linalg import spsolve

from tests.cli.small_case import romtool
from tests.operators.problems import ROD_CASE, Exported, cavity, export, rod_case

MORE = """
[inverse]
degree = 1
max_terms = 12

[logdet]
degree = 2
max_terms = 20
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> tuple[Path, Exported]:
    """Return a folder with a case, its exported files, and a model of it; for reading only."""
    folder = tmp_path_factory.mktemp("rod")
    case, exported = rod_case(folder, ROD_CASE + MORE)
    assert romtool("operators", "select", case).code == 0
    export(case, exported)
    done = romtool("operators", "build", case, "-o", folder / "model", "-q")
    assert done.code == 0, done.err
    return folder, exported


@pytest.fixture
def folder(built, tmp_path) -> Path:
    """Return a copy of that folder, for changes."""
    shutil.copytree(built[0], tmp_path / "copy")
    return tmp_path / "copy"


def test_select_lists_parameters_and_what_is_missing(tmp_path):
    case, exported = rod_case(tmp_path)
    first = romtool("operators", "select", case, "--json").json
    listed = first["operator"]["parameters"]
    assert first["operator"]["missing"] == [f"A-{i:04d}.npz" for i in range(1, len(listed) + 1)]
    assert first["operator"]["errors"][-1] <= 1e-9
    assert len(first["validation"]["parameters"]) == 5
    with (tmp_path / "matrices" / "A-parameters.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [[float(row["a"]), float(row["c"])] for row in rows] == listed
    export(case, exported)
    assert romtool("operators", "select", case, "--json").json["operator"]["missing"] == []


def test_a_smaller_tolerance_keeps_the_files_that_are_there(tmp_path):
    case, exported = rod_case(tmp_path, ROD_CASE.replace("tolerance = 1e-9", "tolerance = 1e-4"))
    loose = romtool("operators", "select", case, "--json").json["operator"]
    export(case, exported)
    case.write_text(ROD_CASE)
    tight = romtool("operators", "select", case, "--json").json["operator"]
    assert tight["parameters"][: len(loose["parameters"])] == loose["parameters"]
    assert len(tight["missing"]) == len(tight["parameters"]) - len(loose["parameters"]) > 0


def test_build_reads_each_exported_matrix_once_and_nothing_else(folder, monkeypatch):
    """Whole matrices are all that is ever read: there is no other way in."""
    from romtool.operators import matrices

    read: Counter[str] = Counter()
    original = matrices._read

    def counting(path, what):
        read[path.name] += 1
        return original(path, what)

    monkeypatch.setattr(matrices, "_read", counting)
    case = folder / "case.toml"
    summary = romtool("operators", "build", case, "-o", folder / "again", "-q", "--json").json
    expected = {f"A-{i:04d}.npz": 1 for i in range(1, summary["n_terms"] + 1)}
    assert read == expected | {"b.npy": 1}


def test_answers_are_within_their_bounds(built):
    folder, exported = built
    out = folder / "answers.h5"
    arguments = ("--at", "a=3,c=0.5", "--at", "c=0.41, a=1")
    answers = romtool("operators", "solve", folder / "model", *arguments, "-o", out, "--solutions", "--json").json
    assert [answer["parameters"] for answer in answers["answers"]] == [{"a": 3.0, "c": 0.5}, {"a": 1.0, "c": 0.41}]
    with h5py.File(out) as file:
        solutions, inverse, bounds = file["x"][()], file["inverse_values"][()], file["bound"][()]
    for i, answer in enumerate(answers["answers"]):
        mu = np.array([answer["parameters"]["a"], answer["parameters"]["c"]])
        matrix = exported.matrix(mu)
        exact = spsolve(matrix.tocsc(), exported.rhs)
        error = exact - solutions[i]
        assert answer["relative_bound"] <= 1e-3
        assert answer["bound"] == bounds[i]
        assert np.sqrt(error @ (matrix @ error)) <= 10.0 * bounds[i]  # another energy norm, at most that different
        np.testing.assert_allclose(answer["logdet"], np.linalg.slogdet(matrix.toarray())[1], rtol=0.02)
        assert np.linalg.norm(inverse[i, :, 0] - exact) <= 0.1 * np.linalg.norm(exact)


def test_a_table_of_parameters(built, tmp_path):
    table = tmp_path / "mu.csv"
    table.write_text("c,a\n0.5,3\n0.41,1\n")
    found = romtool("operators", "solve", built[0] / "model", "--table", table, "--json").json["answers"]
    assert found[0]["parameters"] == {"a": 3.0, "c": 0.5}
    shown = romtool("operators", "solve", built[0] / "model", "--table", table)
    assert "relative_bound" in shown.out


def test_the_model_file_alone_answers_in_another_process_and_place(built, tmp_path):
    shutil.copy(built[0] / "model" / "model.h5", tmp_path / "model.h5")
    code = "from romtool.cli.main import main; main()"
    command = [sys.executable, "-c", code, "operators", "solve", "model.h5", "--at", "a=3,c=0.5", "--json"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    here = romtool("operators", "solve", built[0] / "model", "--at", "a=3,c=0.5", "--json").json["answers"]
    assert json.loads(done.stdout)["answers"] == here
    refused = romtool("operators", "solve", tmp_path, "--at", "a=3,c=0.5", "-o", tmp_path / "x.h5", "--solutions")
    assert refused.code == 2
    assert "basis.h5" in refused.error


def test_validation_and_report(folder):
    found = romtool("operators", "validate", folder / "model", folder / "case.toml", "--json", "-q").json
    assert found["n"] == 5
    assert found["errors"]["representation"]["max"] <= 1e-7
    assert found["errors"]["solution"]["max"] <= 1e-3
    for key in ("solution", "logdet", "inverse_energy"):
        assert found["errors"][key]["bound"]["covered"] == 1.0
        assert found["errors"][key]["bound"]["effectivity"]["min"] >= 1.0
    for key in ("logdet", "inverse"):
        assert 0.1 <= found["errors"][key]["indicator"]["effectivity"]["median"] <= 100.0
    assert found["seconds"]["one"] > 0.0
    shown = romtool("operators", "validate", folder / "model", folder / "case.toml", "-q").out
    assert "representation" in shown
    page = folder / "report.html"
    assert romtool("operators", "report", folder / "model", "-o", page, "-q").code == 0
    text = page.read_text(encoding="utf-8")
    assert "5 unseen parameters" in text
    assert text.count("<svg") == 7
    assert "slower" in text or "faster" in text
    assert "://" not in text


def test_complex_symmetric_problem_with_sampled_entries(tmp_path):
    """Helmholtz with impedance; no functions are known, only a few entries of the matrix over the range."""
    exported = cavity(60)
    k = np.linspace(1.0, 12.0, 60)
    rows = np.array([exported.matrix([value]).data[[0, 1, -1]] for value in k])
    np.savez(tmp_path / "entries.npz", parameters=k, values=rows.T)
    np.save(tmp_path / "b.npy", exported.rhs)
    np.save(tmp_path / "L.npy", np.eye(60)[-1:])
    case = tmp_path / "case.toml"
    case.write_text(
        """
        case.name = "cavity"
        parameters = [{ name = "k", range = [1.0, 12.0] }]
        operator = { entries = "entries.npz", files = "A-{}.npz", method = "qdeim", tolerance = 1e-12 }
        rhs.file = "b.npy"
        basis = { problem = "general", tolerance = 1e-6, outputs = "L.npy" }
        validation = { samples = 20, files = "unseen/A-{}.npz" }
        """
    )
    assert "from every other sample" in romtool("operators", "select", case).out
    assert romtool("operators", "select", case, "--json").json["operator"]["error_between_samples"] < 1e-3
    export(case, exported)
    built = romtool("operators", "build", case, "-o", tmp_path / "model", "-q", "--json").json
    assert built["n_terms"] == 3
    assert built["basis"]["converged"]
    found = romtool("operators", "validate", tmp_path / "model", case, "-q", "--json").json
    assert found["errors"]["solution"]["max"] <= 1e-6
    assert found["errors"]["solution"]["indicator"]["covered"] == 1.0
    assert found["errors"]["outputs"]["max"] <= 1e-6
    shown = romtool("operators", "solve", tmp_path / "model", "--at", "k=5").out
    assert "output 1" in shown
    answer = romtool("operators", "solve", tmp_path / "model", "--at", "k=5", "--json").json["answers"][0]
    exact = spsolve(exported.matrix([5.0]).tocsc(), exported.rhs)[-1]
    np.testing.assert_allclose(answer["outputs"][0], [exact.real, exact.imag], rtol=1e-6)


def refuse(words: str, *arguments: object) -> None:
    """Run a command that must fail with exit code 2 in one line."""
    done = romtool("operators", *arguments)
    assert done.code == 2, done.err
    assert re.search(words, done.error), done.error


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda a: sparse.csr_matrix(np.eye(3)), r"A-0002\.npz: its shape \(3, 3\) is not \(49, 49\)"),
        (lambda a: a + sparse.eye(49, k=7, format="csr") + sparse.eye(49, k=-7, format="csr"), "sparsity pattern"),
        (lambda a: a * np.nan, r"A-0002\.npz: holds NaN"),
        (lambda a: a + sparse.triu(a, format="csr"), r"A-0002\.npz: the matrix is not Hermitian"),
        (lambda a: a * -1.0, r"A at a = .*, c = .* is not positive definite"),
        (lambda a: a * 2.0, "it is no sum of positive forms times these functions"),
    ],
)
def test_matrices_that_do_not_fit(folder, change, words):
    path = folder / "matrices" / "A-0002.npz"
    sparse.save_npz(path, sparse.csr_matrix(change(sparse.load_npz(path))))
    refuse(words, "build", folder / "case.toml", "-o", folder / "new", "-q")
    assert not (folder / "new").exists()


def test_a_singular_matrix_is_named(tmp_path):
    exported = cavity(20)
    case = tmp_path / "case.toml"
    np.save(tmp_path / "b.npy", exported.rhs)
    case.write_text(
        """
        case.name = "cavity"
        parameters = [{ name = "k", range = [1.0, 12.0] }]
        operator = { functions = ["1", "k**2", "1j*k"], files = "A-{}.npz" }
        rhs.file = "b.npy"
        basis.problem = "general"
        """
    )
    romtool("operators", "select", case)
    export(case, exported)
    matrix = sparse.load_npz(tmp_path / "A-0002.npz")
    matrix.data[matrix.indptr[4] : matrix.indptr[5]] = 0.0
    sparse.save_npz(tmp_path / "A-0002.npz", matrix)
    refuse(r"A-0002\.npz: A at k = \S+ is singular", "build", case, "-o", tmp_path / "m", "-q")


def covariance_case(folder: Path, table: str, n: int = 80) -> Path:
    """Write a case of exponential covariance matrices with only one more table, and export them."""
    places = np.random.default_rng(3).random((n, 1))
    case = folder / "case.toml"
    case.write_text(
        f"""
        case.name = "covariance"
        parameters = [{{ name = "l", range = [0.2, 1.0] }}]
        operator.functions = ["exp(-x/l)", "1"]
        operator.points = {{ x = [0, 1, 200] }}
        operator.files = "A-{{}}.npy"
        operator.tolerance = 1e-6
        rhs.file = "b.npy"
        {table}
        """
    )
    np.save(folder / "b.npy", places[:, 0])
    listed = romtool("operators", "select", case, "--json").json["operator"]["parameters"]
    for i, (length,) in enumerate(listed, start=1):
        np.save(folder / f"A-{i:04d}.npy", np.exp(-np.abs(places - places.T) / length) + 0.1 * np.eye(n))
    return case


def repeat_a_row(matrix):
    matrix[7] = matrix[8]


def repeat_an_unknown(matrix):
    matrix[7], matrix[:, 7] = matrix[8], matrix[:, 8]
    matrix[7, 7] = matrix[7, 8] = matrix[8, 7] = matrix[8, 8]


@pytest.mark.parametrize(
    ("table", "damage", "words"),
    [
        ("inverse.degree = 1", repeat_a_row, r"A-0003\.npy: A at l = \S+ is singular"),
        ("inverse.degree = 1", repeat_an_unknown, r"A-0003\.npy: A at l = \S+ is singular"),
        ("logdet.degree = 1", repeat_a_row, r"A-0003\.npy: the matrix is not Hermitian"),
        ("logdet.degree = 1", repeat_an_unknown, r"A-0003\.npy: A at l = \S+ is not positive definite"),
        ("logdet.degree = 1", lambda a: np.fill_diagonal(a, 0.5), r"A-0003\.npy: A at l = \S+ is not positive"),
        (
            'basis.problem = "coercive"',
            lambda a: np.fill_diagonal(a, 0.5),
            r"A-0003\.npy: A at l = \S+ is not positive",
        ),
    ],
)
def test_exported_matrices_that_can_not_be_factorised(tmp_path, table, damage, words):
    case = covariance_case(tmp_path, table)
    assert romtool("operators", "build", case, "-o", tmp_path / "good", "-q").code == 0
    matrix = np.load(tmp_path / "A-0003.npy")
    damage(matrix)
    np.save(tmp_path / "A-0003.npy", matrix)
    refuse(words, "build", case, "-o", tmp_path / "m", "-q")


def test_a_model_of_another_version(folder):
    with h5py.File(folder / "model" / "model.h5", "a") as file:
        del file["model/system/round_off"]
    refuse(r"model\.h5: .*of another version of romtool", "solve", folder / "model", "--at", "a=3,c=0.5")
    refuse("no model here; .*romtool operators build", "validate", folder / "none", folder / "case.toml")


def test_missing_and_stale_files(folder):
    case = folder / "case.toml"
    (folder / "matrices" / "A-0003.npz").unlink()
    refuse(r"A-0003\.npz: no such file; export it", "build", case, "-o", folder / "new", "-q")
    edit(case, "range = [0.0, 8.0]", "range = [0.0, 7.0]")
    refuse("does not list the .* parameters that the case selects", "build", case, "-o", folder / "new", "-q")
    refuse("lists other parameters .* --overwrite", "select", case)
    refuse("was built with other parameters|does not list", "validate", folder / "model", case, "-q")
    shutil.rmtree(folder / "matrices")
    refuse("no such file; `romtool operators select` writes it", "build", case, "-o", folder / "new", "-q")


def test_parameters_outside_the_range(built):
    model = built[0] / "model"
    refuse(r"c = 0\.9 is outside the range 0\.3 to 0\.7", "solve", model, "--at", "a=3,c=0.9")
    refuse("c = nan is outside", "solve", model, "--at", "a=3,c=nan")
    refuse(r'--at "a=3" can not be read', "solve", model, "--at", "a=3")
    refuse(r'--at "a=3,c=x" can not be read', "solve", model, "--at", "a=3,c=x")
    refuse("no parameters; give --at a=…,c=…", "solve", model)
    refuse("no model here", "solve", built[0], "--at", "a=3,c=0.5")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (
            'files = "matrices/A-{}.npz"',
            'files = "matrices/A.npz"',
            r'\[operator\] has files = .*expected a path with "{}"',
        ),
        ('["1 + a*exp(-(x - c)**2/0.02)"]', '["1 + q*x"]', r'\[operator\].*unknown name "q" \(known: a, c, x, pi\)'),
        ('["1 + a*exp(-(x - c)**2/0.02)"]', '["log(a - 9)"]', "is not finite for some parameter"),
        ("[operator]\nfunctions", "[operator]\nfunction", r'has no key "function"; did you mean "functions"'),
        ('name = "a"', 'name = "x"', r"\[\[parameters\]\] \"x\" has name = \"x\"; expected a name"),
        ("range = [0.0, 8.0]", "range = [8.0, 0.0]", "the smaller first"),
        (
            "points = { x = [0.01, 0.99, 50] }",
            "points = { x = [0.01, 0.99, 0] }",
            r"expected the path of a table of coordinates, or \{ x = \[from, to, count\] \}",
        ),
        ("points = { x = [0.01, 0.99, 50] }", 'points = "points.csv"', r"points\.csv: can not be read as points"),
        ('problem = "coercive"', 'problem = "general"\nconstant = "scm"', "for a general problem"),
        ('problem = "coercive"', "reference = { a = 1.0 }", r"\[basis\] reference holds a; expected a, c"),
        ('forms = "positive"', 'entries = "e.npz"', "has functions and entries"),
        ('file = "b.npy"', 'file = "b.npy"\nfiles = "b-{}.npy"', 'other keys beside "file"'),
        ('[rhs]\nfile = "b.npy"\n', "", r'lacks the table "rhs"'),
        ('files = "validation/A-{}.npz"', 'files = "matrices/A-{}.mtx"', "two patterns have the list"),
    ],
)
def test_case_files_that_can_not_be_used(tmp_path, old, new, words):
    case, _ = rod_case(tmp_path)
    edit(case, old, new)
    refuse(words, "select", case)


def test_a_reference_outside_the_range(folder):
    edit(folder / "case.toml", 'problem = "coercive"', 'problem = "coercive"\nreference = { a = 1.0, c = 2.0 }')
    refuse("c = 2 is outside", "build", folder / "case.toml", "-o", folder / "new", "-q")


def test_existing_outputs_stay(folder):
    refuse("exists; give --overwrite", "build", folder / "case.toml", "-o", folder / "model", "-q")
    (folder / "r.html").write_text("mine")
    refuse("exists; give --overwrite", "report", folder / "model", "-o", folder / "r.html")
    refuse("exists; give --overwrite", "solve", folder / "model", "--at", "a=3,c=0.5", "-o", folder / "r.html")
    assert (folder / "r.html").read_text() == "mine"
