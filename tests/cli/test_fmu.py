"""`romtool fmu`: the unit, run by a client of others, gives the histories of `online`."""

import shutil
from itertools import pairwise

import numpy as np
import pytest

from romtool.pipeline.fmu import identifier
from tests.cli.small_case import romtool

pytest.importorskip("pythonfmu3", reason="pythonfmu3 is not installed")
fmpy = pytest.importorskip("fmpy", reason="fmpy is not installed")

QUANTITIES = """
[[quantities]]
name = "end"
kind = "displacement"
nodes = "X1"
component = "x"
[[quantities]]
name = "root force"
kind = "reaction"
nodes = "X0"
component = "x"
[[quantities]]
name = "energy"
kind = "energy"
[[quantities]]
name = "work"
kind = "dissipation"
[[quantities]]
name = "hottest stress"
kind = "maximum"
field = "stress"
"""
TIMES = [0.0, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0]
LOAD = """name = "{name}"
[[tables]]
name = "END"
points = [[0.0, 0.0], [1.0, {top}], [2.0, 0.0]]
[time]
points = {times}
[temperature]
initial = 20.0
entries = [{{ time = 0.0, value = 20.0 }}, {{ time = 1.0, expression = "20+{rise}*exp(-4*y**2)" }}]
"""


@pytest.fixture
def folder(case_folder):
    """The case with quantities, trained, and loads: one to answer, and one with other amplitudes for the unit."""
    case = case_folder / "case.toml"
    case.write_text(case.read_text() + QUANTITIES)
    done = romtool("offline", case, "-o", case_folder / "model", "--overwrite", "-q")
    assert done.code == 0, done.err
    for name, top, rise in (("asked", -130.0, 300.0), ("unit", -50.0, 200.0)):
        (case_folder / f"{name}.toml").write_text(LOAD.format(name=name, top=top, rise=rise, times=TIMES))
    return case_folder


def run_unit(path, folder, inputs):
    """Step the unit through TIMES with fmpy; `inputs` gives the inputs at a time. Return output -> (n_times,)."""
    from fmpy.fmi3 import FMU3Slave

    description = fmpy.read_model_description(path)
    reference = {variable.name: variable.valueReference for variable in description.modelVariables}
    outputs = [name for name in reference if name.startswith("outputs.")]
    fmpy.extract(path, folder)
    unit = FMU3Slave(
        guid=description.guid,
        unzipDirectory=str(folder),
        modelIdentifier=description.coSimulation.modelIdentifier,
        instanceName="one",
    )
    unit.instantiate()
    unit.enterInitializationMode(startTime=TIMES[0])
    unit.exitInitializationMode()
    rows = [unit.getFloat64([reference[name] for name in outputs])]
    for start, end in pairwise(TIMES):
        at_end = inputs(end)
        unit.setFloat64([reference[name] for name in at_end], list(at_end.values()))
        unit.doStep(currentCommunicationPoint=start, communicationStepSize=end - start)
        rows.append(unit.getFloat64([reference[name] for name in outputs]))
    unit.terminate()
    unit.freeInstance()
    return dict(zip(outputs, np.array(rows).T, strict=True))


def test_a_client_of_others_gets_the_histories_of_online(folder, tmp_path):
    made = romtool("fmu", folder / "model", folder / "unit.toml", "-o", tmp_path / "box.fmu", "--json")
    assert made.code == 0, made.err
    assert "not among the outputs, since they need the whole mesh: hottest stress" in made.err
    assert made.json["inputs"] == {"END": 0.0, "temperature": 1.0}
    assert set(made.json["outputs"]) == {"end", "root force", "energy", "work"}
    assert fmpy.read_model_description(tmp_path / "box.fmu").fmiVersion == "3.0"
    answered = romtool("online", folder / "model", folder / "asked.toml", "-o", tmp_path / "out", "--json", "-q")
    assert answered.code == 0, answered.err
    quantities = answered.json["loads"][0]["quantities"]

    def inputs(time):
        return {"inputs.END": -130.0 * np.interp(time, [0.0, 1.0, 2.0], [0.0, 1.0, 0.0]), "inputs.temperature": 1.5}

    found = run_unit(tmp_path / "box.fmu", tmp_path / "unzipped", inputs)
    assert set(found) == {f"outputs.{identifier(name)}" for name in ("end", "root force", "energy", "work")}
    for name, values in quantities.items():
        if name != "hottest stress":
            exact = np.array(values["values"])
            assert np.ptp(exact) > 0.0
            gap = np.abs(found[f"outputs.{identifier(name)}"] - exact).max() / np.abs(exact).max()
            assert gap < 1e-9, (name, gap)


def test_what_no_unit_is_made_of_is_told(folder, tmp_path):
    model, load = folder / "model", folder / "unit.toml"
    other = romtool("fmu", model, load, "-o", tmp_path / "x.zip")
    assert "an FMU is written as .fmu" in other.error
    shutil.copy(model / "model.h5", tmp_path / "model.h5")
    assert romtool("fmu", tmp_path / "model.h5", load, "-o", tmp_path / "x.fmu").code == 0
    again = romtool("fmu", tmp_path / "model.h5", load, "-o", tmp_path / "x.fmu")
    assert again.code == 2
    assert "x.fmu exists; give --overwrite" in again.error


def test_names_in_c():
    assert identifier("p max (blade)") == "p_max_blade"
    assert identifier("2nd") == "_2nd"
