"""Mistakes in case files: one line with file, table, key, and what was expected."""

from pathlib import Path

import pytest

from romtool.errors import CaseError
from romtool.io.case import read_case

HEAD = '[case]\nname = "blade"\n'
LOAD = '[[loads]]\nname = "gas"\n'
MATERIAL = '[[materials]]\nelements = "BLADE"\nlaw = "elastic"\n'

UNKNOWN = [
    ("[pod]\ntolerence = 1e-4", r'\[pod\] has no key "tolerence"; did you mean "tolerance"\?$'),
    ("[podd]\ntolerance = 1e-4", r'case\.toml: has no table "podd"; did you mean "pod"\?$'),
    ("[newton]\nmax_cut = 3", r'\[newton\] has no key "max_cut"; did you mean "max_cuts"\?$'),
    (LOAD + 'kind = "pressure"\nface = "P"', r'\[\[loads\]\] "gas" has no key "face"; did you mean "faces"\?$'),
    ("[temperature]\ninitial = 1.0\nentries = [{ time = 0, value = 1 }, { time = 1, feld = 2 }]",
     r'\[temperature\] entries number 2 has no key "feld"; did you mean "field"\?$'),
    ('[[tables]]\npoint = [[0, 1]]', r'\[\[tables\]\] number 1 has no key "point"; did you mean "points"\?$'),
    ('[[simulations]]\nname = "a"\nresult = "b"', r'"a" has no key "result"; did you mean "results"'),
    ("[pod]\nxyzzy = 1", r'has no key "xyzzy"; did you mean "\w+"\?$'),
]  # fmt: skip

MISSING = [
    ("[mesh]", r'\[mesh\] lacks the key "file": the path of a mesh file$'),
    (LOAD, r'\[\[loads\]\] "gas" lacks the key "kind": one of "pressure"'),
    (LOAD + 'kind = "pressure"\nvalue = 1.0', r'"gas" of kind "pressure" lacks the key "faces": the name'),
    (LOAD + 'kind = "centrifugal"\nomega = 1.0\naxis = [0, 0, 1]', r'lacks the key "point": a list of three numbers'),
    ('[[simulations]]\nname = "a"', r'"a" lacks the key "results" .* or "deck"$'),
    ("[temperature]\nentries = []", r'\[temperature\] lacks the key "initial"'),
    ("[time]", r'\[time\] lacks the key "points"'),
    ("[[materials]]\nlaw = 'elastic'", r'\[\[materials\]\] number 1 lacks the key "parameters"'),
    ('[[quantities]]\nname = "q"\nkind = "maximum"', r'"q" of kind "maximum" lacks the key "field": the name'),
]  # fmt: skip

VALUES = [
    ("[pod]\ntolerance = -1.0", r"\[pod\] has tolerance = -1\.0; expected a number between 0 and 1"),
    ("[pod]\ntolerance = true", r"has tolerance = true; expected a number"),
    ('[pod]\ntolerance = "1e-4"', r'has tolerance = "1e-4"; expected a number'),
    ("[pod]\ntolerance = nan", r"has tolerance = nan; expected a number"),
    ("[pod]\nmax_modes = 6.0", r"has max_modes = 6\.0; expected a whole number of at least 1"),
    ('[pod]\ninner_product = "h2"', r'has inner_product = "h2"; expected one of "h1", "l2", "energy"'),
    ("[partition]\nsubdomains = 0", r"\[partition\] has subdomains = 0; expected a whole number of at least 1"),
    ("[newton]\nmax_cuts = -1", r"has max_cuts = -1; expected a whole number of at least 0"),
    ("[clusters]\ncount = 'many'", r'has count = "many"; expected a whole number of at least 1, or "auto"'),
    ("[clusters]\noverlap = 2.0", r"has overlap = 2\.0; expected a number between 0 and 1"),
    ("[duals]\nfields = 'p'", r'has fields = "p"; expected a list of names'),
    ("[duals]\nfields = ['p', 'p']", r'\[duals\] holds the field "p" twice'),
    ("[hifi]\nsolver = 'lu'", r'has solver = "lu"; expected "direct" or "iterative"'),
    ("pod = 3", r"case\.toml: pod = 3; expected a table$"),
    ("[loads]\nname = 'gas'", r"case\.toml: loads = a table; expected a list of tables$"),
    ("loads = [3]", r"case\.toml: loads = 3; expected a table$"),
    (MATERIAL + "parameters = { young = 'high' }",
     r"\[\[materials\]\] \"BLADE\" has the parameter young = 'high'; expected a number or nested lists"),
    (MATERIAL + "parameters = { young = [[20.0, true]] }", r"has the parameter young = \[\[20\.0, True\]\]"),
    (MATERIAL + "parameters = { young = [] }", r"has the parameter young = \[\]"),
    (MATERIAL + "parameters = {}\ndensity = 0.0", r"has density = 0\.0; expected a positive number"),
    ('[[dirichlet]]\nnodes = "R"\ncomponents = ["u"]', r'\[\[dirichlet\]\] "R" has components = .*; expected'),
    ('[[dirichlet]]\nnodes = "R"\ncomponents = []', r"has components = \[\]"),
    (LOAD + 'kind = "gas"', r'has kind = "gas"; expected one of "pressure"'),
    (LOAD + 'kind = "pressure"\nfaces = "P"\nvalue = [1.0, 2.0]', r"has value = \[1\.0, 2\.0\]; expected a number"),
    (LOAD + 'kind = "pressure"\nfaces = "P"\nvalue = [1, 2, 3]', r"has value = \[1.*\]; expected a number$"),
    (LOAD + 'kind = "traction"\nfaces = "P"\nvalue = 1.0', r"has value = 1\.0; expected a list of three numbers"),
    (LOAD + 'kind = "pressure"\nfaces = "P"', r'needs one of the keys "value" .* and "field"'),
    (LOAD + 'kind = "pressure"\nfaces = "P"\nvalue = 1\nfield = "a"\non = "face"', r'needs one of the keys "value"'),
    (LOAD + 'kind = "pressure"\nfaces = "P"\nfield = "a"', r'needs the keys "field" and "on" together'),
    (LOAD + 'kind = "pressure"\nfaces = "P"\nvalue = 1\nomega = 1', r'of kind "pressure" has no key "omega"; its'),
    (LOAD + 'kind = "centrifugal"\nomega = 1\npoint = [0, 0, 0]\naxis = [0, 0, 0]', r"has axis = .*; expected a dir"),
    ('[[tables]]\nname = "t"\npoints = [[0, 1, 2]]', r"has points = \[\[0, 1, 2\]\]; expected a list of pairs"),
    ('[[tables]]\nname = "t"\npoints = [[1, 0], [0, 1]]', r'\[\[tables\]\] "t" has points whose times decrease'),
    ('[[tables]]\nname = "t"\npoints = [[1, 0]]\ncycles = 2', r'"t" has cycles = 2 but no duration'),
    ('[[tables]]\nname = "t"\npoints = [[1, 0]]\ncycles = 0', r"has cycles = 0; expected a whole number of at least 1"),
    ("[time]\npoints = [0, 2, 2]", r"\[time\] has points that do not increase"),
    ("[time]\npoints = [0]", r"has points = \[0\]; expected a list of at least two"),
    ("[time]\nrate_independent = [[2, 1]]", r"has rate_independent = \[2.*, 1.*\]; expected an interval"),
    ("[temperature]\ninitial = 1\nentries = [{ time = 0 }]", r"entries number 1 has no temperature; give exactly"),
    ("[temperature]\ninitial = 1\nentries = [{ time = 0, value = 1, expression = 'x' }]", r"has value and expression"),
    ("[temperature]\ninitial = 1\nentries = [{ time = 0, value = 1, name = 'T' }]", r'the key "name" without "field"'),
    ("[temperature]\ninitial = 1\nentries = [{ time = 0, expression = 'foo(x)' }]",
     r'\[temperature\] entries number 1 has an expression "foo\(x\)": unknown function "foo"'),
    ("[temperature]\ninitial = 1\nentries = [{ time = 1, value = 1 }, { time = 1, value = 2 }]",
     r"\[temperature\] has entries whose times do not increase"),
    ('[[simulations]]\nname = "a/b"\nresults = "r"', r'has name = "a/b"; expected a text that can name a folder'),
    ("[[simulations]]\nname = 'a'\nresults = 3", r"has results = 3; expected a path, or a list of paths"),
]  # fmt: skip

DUPLICATES = [
    ("[[simulations]]\nname = 'a'\nresults = 'r'\n" * 2, r'holds \[\[simulations\]\] "a" twice'),
    ((MATERIAL + "parameters = {}\n") * 2, r'holds \[\[materials\]\] of elements "BLADE" twice'),
    ('[[dirichlet]]\nnodes = "R"\n' * 2, r'holds \[\[dirichlet\]\] "R" twice'),
    ("[[loads]]\nkind = 'pressure'\nfaces = 'P'\nvalue = 1\n" * 2, r'holds \[\[loads\]\] "P" twice'),
    ("[[tables]]\nname = 't'\npoints = [[0, 1]]\n" * 2, r'holds \[\[tables\]\] "t" twice'),
    ("[[quantities]]\nname = 'q'\nkind = 'energy'\n" * 2, r'holds \[\[quantities\]\] "q" twice'),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message"), UNKNOWN + MISSING + VALUES + DUPLICATES)
def test_a_mistake_is_one_line_that_names_file_table_and_key(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "case.toml"
    path.write_text(text + "\n" + HEAD if text.startswith(("pod =", "loads =")) else HEAD + text)
    with pytest.raises(CaseError, match=message) as caught:
        read_case(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r'case\.toml: lacks the table "case"$'),
        ("[case]\n", r'\[case\] lacks the key "name": a text'),
        ('[case]\nname = ""\n', r'\[case\] has name = ""; expected a text that can name a folder'),
        (
            '[case]\nname = "a"\nunits = { lenght = "mm" }\n',
            r'\[case\] units has no key "lenght"; did you mean "length"',
        ),
        ('[case]\nname = "a\n', r"case\.toml, line 2: not valid TOML, illegal character"),
        ('[case]\nname = "a"\n[pod]\n[pod]\n', r"case\.toml, line 4: not valid TOML, cannot declare"),
        ("[case", r"case\.toml, .*: not valid TOML"),
    ],
)
def test_what_is_no_case_file_says_where(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "case.toml"
    path.write_text(text)
    with pytest.raises(CaseError, match=message) as caught:
        read_case(path)
    assert "\n" not in str(caught.value)


def test_a_missing_file_a_folder_and_binary_content_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(CaseError, match=r"none\.toml: no such file; expected a case file"):
        read_case(tmp_path / "none.toml")
    with pytest.raises(CaseError, match="is a folder; give the case file"):
        read_case(tmp_path)
    path = tmp_path / "case.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(CaseError, match="is not UTF-8 text"):
        read_case(path)


def test_every_key_without_further_tables_says_what_it_expects() -> None:
    from romtool.io import schema, schema_loading
    from romtool.io.validation import Table

    tables = {
        model
        for module in (schema, schema_loading)
        for model in vars(module).values()
        if isinstance(model, type) and issubclass(model, Table) and model is not Table
    }
    assert len(tables) > 20
    silent = {f"{m.__name__}.{key}" for m in tables for key, field in m.model_fields.items() if not field.description}
    holders = {
        "CaseFile",
        "LoadCaseFile",
        "CaseHead.units",
        "TemperatureTable.entries",
        "MaterialEntry.orientation",
        "TimeTable.stop",
        "InitialTable.entries",
    }
    assert all(any(name.startswith(holder) for holder in holders) for name in silent)
