"""Study files: the normative example, and one line for every mistake."""

import pytest

from romtool.errors import CaseError
from romtool.io.study import FieldFile, Kernel, RandomField, RandomNumber, read_study
from tests.shared_data import shared

HEAD = 'name = "s"\ndraws = 10\n'
SCALE = '[[random]]\ntarget = "loads.gas.scale"\ndistribution = { name = "norm", loc = 1.0, scale = 0.05 }\n'
KERNEL = """[[random]]
target = "temperature"
kernel = { kind = "gaussian", length = 1.5, standard_deviation = 1.0 }
"""


def test_the_normative_study_is_read():
    path = shared("examples", "study.toml")
    study = read_study(path)
    assert (study.name, study.draws, study.sampler, study.seed) == ("hot spot uncertainty", 1000, "sobol", 7)
    assert study.base == path.parent / "loads/nominal.toml"
    mean = FieldFile(path.parent / "thermal/nominal.vtu", "T")
    assert study.random == (
        RandomField("temperature", mean, Kernel(8.0, 25.0), (), 0.95),
        RandomNumber("loads.gas.scale", "loads", "gas", "norm", {"loc": 1.0, "scale": 0.05}),
    )
    output = study.output
    assert (output.quantities, output.quantiles, output.fields) == (("p max",), (0.05, 0.5, 0.95), ("p", "stress"))
    assert (output.thresholds, output.at) == ({"p max": 0.01}, None)


def test_names_may_hold_dots(tmp_path):
    path = tmp_path / "study.toml"
    path.write_text(HEAD + SCALE.replace("loads.gas.scale", "tables.a.b.scale"))
    (entry,) = read_study(path).random
    assert (entry.kind, entry.name) == ("tables", "a.b")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('name = "s"\n' + SCALE, 'lacks the key or table "draws"'),
        (HEAD.replace("draws", "drows") + SCALE, 'has no key or table "drows"; did you mean "draws"'),
        (HEAD + 'sampler = "halton"\n' + SCALE, 'sampler = "halton"; expected "sobol", "lhs" or "random"'),
        (HEAD, 'lacks the key or table "random"'),
        (HEAD + SCALE + SCALE, r'holds \[\[random\]\] of target "loads.gas.scale" twice'),
        (HEAD + '[[random]]\ntarget = "temperature"\n', 'needs one of the keys "kernel" and "fields"'),
        (HEAD + '[[random]]\ntarget = "loads.gas"\n', 'has target = "loads.gas"; expected'),
        (HEAD + '[[random]]\ntarget = "loads.gas.scale"\n', 'lacks the key "distribution"'),
        (HEAD + SCALE + "energy = 0.9\n", 'of a number has no key "energy"'),
        (HEAD + SCALE.replace('"norm"', '"nrom"'), 'scipy.stats has no distribution "nrom"; did you mean "norm"'),
        (HEAD + SCALE.replace("loc", "lok"), 'the distribution norm has no "lok"; did you mean "loc"'),
        (HEAD + SCALE.replace('"norm"', '"gamma"'), "the distribution gamma needs a; give a number"),
        (HEAD + SCALE.replace("0.05", "-0.05"), "norm has no quantiles for"),
        (HEAD + SCALE.replace("0.05", '"a"'), "the distribution has scale = 'a'; expected a number"),
        (HEAD + SCALE.replace('name = "norm", ', ""), "has a distribution without name"),
        (HEAD + KERNEL.replace("1.5", "-1.5"), "has length = -1.5; expected a positive number"),
        (HEAD + KERNEL.replace("kind", "kin"), 'kernel has no key "kin"; did you mean "kind"'),
        (HEAD + '[[random]]\ntarget = "temperature"\nfields = [{ field = "a" }]\n', "has fewer than two fields"),
        (HEAD + SCALE + "[output]\nquantiles = [1.0]\n", r"quantiles = \[1.0\]; expected a list of numbers between 0"),
    ],
)
def test_mistakes_are_told_in_one_line(tmp_path, text, words):
    path = tmp_path / "study.toml"
    path.write_text(text)
    with pytest.raises(CaseError, match=words) as error:
        read_study(path)
    assert "\n" not in str(error.value)
