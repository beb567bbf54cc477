"""A small stand-in for the Python module mgis.behaviour: what romtool uses of it, with one behaviour.

`IsotropicLinearHardeningPlasticity` is J2 plasticity with linear hardening, in MFront's conventions: tensors xx, yy,
zz, xy, xz, yz with shear times sqrt(2), internal variables ElasticStrain and EquivalentPlasticStrain. What MGIS refuses
is refused here: unknown names, properties or temperatures that nobody has set.
"""

from types import ModuleType, SimpleNamespace

import numpy as np

PROPERTIES = ("YoungModulus", "PoissonRatio", "HardeningSlope", "YieldStrength")
IDENTITY = np.array([1.0, 1.0, 1.0, 0.0, 0.0, 0.0])


class Variable:
    def __init__(self, name, kind):
        self.name, self.kind = name, kind

    def getType(self):  # noqa: N802 - MGIS' own name
        return self.kind


class State:
    """One end of an increment at all points."""

    def __init__(self, n):
        self.gradients, self.thermodynamic_forces = np.zeros((n, 6)), np.zeros((n, 6))
        self.internal_state_variables = np.zeros((n, 7))
        self.properties, self.external = {}, {}


class MaterialDataManager:
    def __init__(self, behaviour, n):
        self.b, self.n = behaviour, n
        self.s0, self.s1, self.K = State(n), State(n), np.zeros((n, 6, 6))


def load(library, behaviour, hypothesis):
    if behaviour not in ("IsotropicLinearHardeningPlasticity", "FiniteStrain") or hypothesis != "Tridimensional":
        raise RuntimeError(f"load: behaviour {behaviour} not found\nin {library}")
    return SimpleNamespace(
        hypothesis=hypothesis,
        mps=[Variable(name, "Scalar") for name in PROPERTIES],
        isvs=[Variable("ElasticStrain", "Stensor"), Variable("EquivalentPlasticStrain", "Scalar")],
        esvs=[Variable("Temperature", "Scalar")],
        getKinematic=lambda: "F_CAUCHY" if behaviour == "FiniteStrain" else "SmallStrainKinematic",
    )


def get_variable_size(variable, hypothesis):
    return {"Scalar": 1, "Stensor": 6}[variable.getType()]


def set_material_property(state, name, value):
    if name not in PROPERTIES:
        raise RuntimeError(f"setMaterialProperty: no material property {name}")
    state.properties[name] = float(value)


def set_external_state_variable(state, name, values, mode):
    if name != "Temperature" or mode != "LocalStorage" or values.shape != (len(state.gradients),):
        raise RuntimeError("setExternalStateVariable: invalid arguments")
    state.external[name] = np.array(values)


def integrate(manager, kind, duration, first, last):
    """Integrate all points; -1 where a strain increment is not finite, 0 where one is too large to be reliable."""
    s0, s1 = manager.s0, manager.s1
    if set(s1.properties) != set(PROPERTIES) or "Temperature" not in s1.external or (first, last) != (0, manager.n):
        raise RuntimeError("integrate: properties or temperature are not set")
    young, poisson, slope, limit = (s1.properties[name] for name in PROPERTIES)
    shear, bulk = young / (2 + 2 * poisson), young / (3 - 6 * poisson)
    step = s1.gradients - s0.gradients
    if not np.isfinite(step).all():
        return -1
    elastic, p = s0.internal_state_variables[:, :6] + step, s0.internal_state_variables[:, 6]
    trace = elastic[:, :3].sum(axis=1)
    deviator = 2 * shear * (elastic - trace[:, None] / 3 * IDENTITY)
    size = np.sqrt(1.5 * np.sum(deviator**2, axis=1))
    dp = np.maximum(size - limit - slope * p, 0.0) / (3 * shear + slope)
    normal = deviator / np.maximum(size, 1e-300)[:, None]
    s1.internal_state_variables[:, :6] = elastic - 1.5 * dp[:, None] * normal
    s1.internal_state_variables[:, 6] = p + dp
    s1.thermodynamic_forces[:] = deviator - 3 * shear * dp[:, None] * normal + bulk * trace[:, None] * IDENTITY
    if kind == "IntegrationWithConsistentTangentOperator":
        projector = np.eye(6) - np.outer(IDENTITY, IDENTITY) / 3
        ratio = 3 * shear * dp / np.maximum(size, 1e-300)
        along = 3 * shear * (ratio - (dp > 0) * 3 * shear / (3 * shear + slope))
        manager.K[:] = bulk * np.outer(IDENTITY, IDENTITY) + (2 * shear * (1 - ratio))[:, None, None] * projector
        manager.K += along[:, None, None] * normal[:, :, None] * normal[:, None, :]
    return 0 if np.abs(step).max() > 0.05 else 1


def install(monkeypatch) -> None:
    """Make `import mgis.behaviour` find this stand-in."""
    import sys

    package, module = ModuleType("mgis"), ModuleType("mgis.behaviour")
    kinds = ("IntegrationWithConsistentTangentOperator", "IntegrationWithoutTangentOperator")
    contents = {
        "load": load,
        "MaterialDataManager": MaterialDataManager,
        "getVariableSize": get_variable_size,
        "setMaterialProperty": set_material_property,
        "setExternalStateVariable": set_external_state_variable,
        "integrate": integrate,
        "Hypothesis": SimpleNamespace(Tridimensional="Tridimensional"),
        "IntegrationType": SimpleNamespace(**{kind: kind for kind in kinds}),
        "MaterialStateManagerStorageMode": SimpleNamespace(LocalStorage="LocalStorage"),
    }
    for name, value in contents.items():
        setattr(module, name, value)
    package.behaviour = module
    monkeypatch.setitem(sys.modules, "mgis", package)
    monkeypatch.setitem(sys.modules, "mgis.behaviour", module)
