"""The estimate of memory: sizes of a case, monotonous, and above what a run takes."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from romtool.batch.memory import Sizes, import_memory, offline_memory, solve_memory
from romtool.errors import InputError
from romtool.pipeline.estimate import case_sizes, estimates
from tests.cli.small_case import romtool, write_case

BIG = Sizes(
    10**6, 10**6, 8 * 10**6, 8 * 10**6, 64 * 10**6, 64 * 10**6, 8, 40, 40, 3, 7, {"p": 1, "stress": 6}, 2e9, 60, True
)


@pytest.fixture(scope="module")
def case(tmp_path_factory) -> Path:
    return write_case(tmp_path_factory.mktemp("estimate") / "case")


def test_sizes_are_the_same_from_decks_and_from_the_dataset(case):
    before = case_sizes(case)
    assert (before.nodes, before.elements, before.points, before.corners) == (36, 12, 96, 96)
    assert (before.pairs, before.gradients, before.duals) == (12 * 64, 12 * 64, {"p": 1, "stress": 6})
    assert romtool("import", case, "-q").code == 0
    after = case_sizes(case)
    assert replace(after, temperatures=0, increments=0) == replace(before, temperatures=0, increments=0)


@pytest.mark.parametrize("estimate", [import_memory, offline_memory, solve_memory])
def test_more_ranks_take_less_each_and_more_in_all(estimate):
    one, many = estimate(BIG, 1), estimate(BIG, 8)
    assert many.per_rank < one.per_rank
    assert many.total > one.total
    assert one.per_rank > sum(one.terms.values())


def test_the_snapshots_are_bounded_by_the_setting():
    many = replace(BIG, outputs=4000, increments=4000, pod_memory=0.5e9)
    limited, free = offline_memory(many, 2), offline_memory(replace(many, pod_memory=1e12), 2)
    assert limited.per_rank < 0.1 * free.per_rank


def test_a_million_unknowns_stay_within_16_gigabytes_on_two_ranks():
    n = 69
    cells, nodes = n**3, (n + 1) ** 3
    sizes = replace(BIG, nodes=nodes, elements=cells, points=8 * cells, corners=8 * cells, pairs=64 * cells)
    sizes = replace(sizes, gradients=64 * cells, subdomains=4, temperatures=0)
    assert offline_memory(sizes, 2).total < 16e9


def test_more_ranks_than_subdomains_are_refused(case):
    with pytest.raises(InputError, match="2 ranks for 1 subdomain; ask for at most"):
        estimates(case, 2)


def test_a_run_stays_below_its_estimate(case, tmp_path):
    bound = {entry.stage: entry.per_rank for entry in estimates(case, 1)}
    program = (
        "import atexit, re, sys; from pathlib import Path; from romtool.cli.main import main; "
        "status = Path('/proc/self/status'); "  # getrusage counts what the parent had before exec
        "atexit.register(lambda: print(re.search(r'VmHWM:\\s+(\\d+)', status.read_text())[1])); main(sys.argv[1:])"
    )
    command = [sys.executable, "-c", program, "offline", str(case), "-o", str(tmp_path / "model"), "-q", "--json"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    peak = 1024 * int(done.stdout.splitlines()[-1])
    assert 0.2 * bound["offline"] < peak < bound["offline"]


def test_info_prints_it(case, tmp_path):
    found = romtool("info", case, "--estimate", "--json").json
    stages = {entry["stage"] for entry in found["stages"]}
    assert stages == {"import", "offline", "cluster", "solve", "report", "online"}
    assert all(entry["bytes_per_rank"] > sum(entry["terms"].values()) for entry in found["stages"])
    told = romtool("info", case, "--estimate").out
    assert "offline on 1 rank: at most" in told
    assert romtool("offline", case, "-o", tmp_path / "model", "-q").code == 0
    found = romtool("info", tmp_path / "model", "--estimate", "--json").json
    assert [entry["stage"] for entry in found["stages"]] == ["online", "online --adapt", "report"]
