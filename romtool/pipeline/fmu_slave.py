"""What runs inside an FMU of `romtool fmu`: pythonfmu3 copies this file into it, beside model and load.

Inputs are set for the end of a step; between the ends of steps they are linear.
"""

from pathlib import Path

from pythonfmu3 import DefaultExperiment, Float64, Fmi3Causality, Fmi3Slave, Fmi3Status, Fmi3StepResult, Fmi3Variability

from romtool.errors import RomtoolError
from romtool.pipeline.fmu import identifier, open_unit


class RomtoolUnit(Fmi3Slave):  # type: ignore[misc]
    """A reduced model: amplitudes of the tables and the factor of the temperature in, quantities out."""

    def __init__(self, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.modelName, self._unit = open_unit(Path(str(self.resources)))
        self.description = "reduced model of nonlinear structural mechanics, made by romtool"
        self.default_experiment = DefaultExperiment(start_time=self._unit.time)
        self.time = self._unit.time
        self._wanted = dict(self._unit.inputs)
        kept = {"causality": Fmi3Causality.independent, "variability": Fmi3Variability.continuous}
        self.register_variable(Float64("time", **kept))
        for name in self._unit.inputs:
            self._register(f"inputs.{identifier(name)}", name, Fmi3Causality.input)
        for name in self._unit.outputs:
            self._register(f"outputs.{identifier(name)}", name, Fmi3Causality.output)

    def _register(self, full: str, name: str, causality: Fmi3Causality) -> None:
        """Make a number known to the client."""
        entry = Float64(full, causality=causality, variability=Fmi3Variability.continuous, description=name)
        if causality == Fmi3Causality.input:
            entry.getter, entry.setter = lambda: self._wanted[name], lambda value: self._wanted.update({name: value})
        else:
            entry.getter = lambda: self._unit.outputs[name]
        self.register_variable(entry, nested=False)

    def do_step(self, current_time: float, step_size: float) -> Fmi3StepResult:
        """Go on by a step; the inputs are those at its end."""
        try:
            self._unit.step(step_size, self._wanted)
        except RomtoolError as error:
            self.log(str(error), Fmi3Status.error)
            return Fmi3StepResult(status=Fmi3Status.error)
        self.time = self._unit.time
        return Fmi3StepResult(status=Fmi3Status.ok)
