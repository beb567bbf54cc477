"""The site file, and times and amounts of memory as schedulers write them."""

import pytest

from romtool.batch.quantities import clock, megabytes, seconds
from romtool.batch.site import VARIABLE, find_site, read_site
from romtool.errors import CaseError, InputError


@pytest.mark.parametrize(
    ("text", "expected"),
    [("90", 5400), ("30:00", 1800), ("1:30:00", 5400), ("2-00", 172800), ("1-02:03:04", 93784), ("00:00:10", 10)],
)
def test_time_limits_are_those_of_sbatch(text, expected):
    assert seconds(text) == expected
    assert seconds(clock(expected)) == expected


@pytest.mark.parametrize("text", ["", "soon", "1:2:3:4", "0", "-5"])
def test_what_is_no_time_limit_is_refused(text):
    with pytest.raises(InputError, match="time limit"):
        seconds(text)


@pytest.mark.parametrize(
    ("text", "expected"), [("512", 512), ("1.5G", 1500), ("2T", 2_000_000), ("100K", 1), ("4GB", 4000)]
)
def test_memory(text, expected):
    assert megabytes(text) == expected


def test_what_is_no_memory_is_refused():
    with pytest.raises(InputError, match="memory"):
        megabytes("much")


def test_a_site_file_is_read(tmp_path):
    path = tmp_path / "site.toml"
    path.write_text('[slurm]\naccount = "a"\nmemory_per_node = "180G"\n[environment]\nmodules = ["mpi"]\n')
    site = read_site(path)
    assert (site.slurm.account, site.environment.modules, site.slurm.requeues) == ("a", ["mpi"], 20)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[slurm]\nacount = "a"\n', r'\[slurm\] has no key "acount"; did you mean "account"'),
        ("[slrum]\n", r'has no table "slrum"; did you mean "slurm"'),
        ('[slurm]\ntime = "soon"\n', r"\[slurm\] has 'soon' is no time limit"),
        ("[slurm]\nsignal = 1\n", r"\[slurm\] has signal = 1; expected seconds before"),
        ("[slurm]\nrequeues = -1\n", "expected how often"),
    ],
)
def test_mistakes_are_told_with_table_and_key(tmp_path, text, words):
    path = tmp_path / "site.toml"
    path.write_text(text)
    with pytest.raises(CaseError, match=words):
        read_site(path)


def test_the_first_of_the_places_counts(tmp_path):
    own = tmp_path / ".config" / "romtool" / "site.toml"
    own.parent.mkdir(parents=True)
    own.touch()
    named = tmp_path / "named.toml"
    assert find_site({}, tmp_path) == own
    with pytest.raises(CaseError, match=VARIABLE):
        find_site({VARIABLE: str(named)}, tmp_path)
    named.touch()
    assert find_site({VARIABLE: str(named)}, tmp_path) == named
