"""Units as labels: romtool computes in those of the case, and reports name them."""

from dataclasses import dataclass

_STRESS = {("N", "mm"): "MPa", ("N", "m"): "Pa", ("kN", "mm"): "GPa", ("kN", "m"): "kPa"}
_SIGNS = {"degC": "°C", "degF": "°F"}


@dataclass(frozen=True)
class Units:
    """Labels of the units of a case; "" where it has none.

    Parameters
    ----------
    length, force, time, temperature: labels.
    """

    length: str = ""
    force: str = ""
    time: str = ""
    temperature: str = ""

    @property
    def known(self) -> bool:
        """Tell whether there is any label."""
        return bool(self.length or self.force or self.time or self.temperature)

    @property
    def stress(self) -> str:
        """Return the label of force per area.

        >>> Units(length="mm", force="N").stress
        'MPa'
        """
        if not (self.force and self.length):
            return ""
        return _STRESS.get((self.force, self.length), f"{self.force}/{self.length}²")

    @property
    def degrees(self) -> str:
        """Return the label of the temperature as it is written."""
        return _SIGNS.get(self.temperature, self.temperature)

    def label(self, words: str) -> str:
        """Return a unit given in words of stress, length, force, time and temperature as labels.

        >>> Units(length="mm", force="N", time="s").label("stress time^(1/n)")
        'MPa s^(1/n)'
        """
        labels = {
            "stress": self.stress,
            "length": self.length,
            "force": self.force,
            "time": self.time,
            "temperature": self.degrees,
        }
        used = [word for word in labels if word in words]
        if not all(labels[word] for word in used):
            return ""
        for word in used:
            words = words.replace(word, labels[word])
        return words
