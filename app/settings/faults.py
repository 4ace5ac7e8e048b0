"""Collect the faults of a configuration, each with its place: the file and key, or the environment variable."""

from app.errors import Fault

ENVIRONMENT = "environment"

Place = tuple[str, ...]


class FaultList:
    """The faults so far in `source` (the file). `variables` are the keys from the environment, with their variable."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._faults: list[Fault] = []
        self._places: set[Place] = set()
        self.variables: dict[Place, str] = {}

    def add(self, place: Place, problem: str, fix: str) -> None:
        """Add a fault of the key at `place`, from the file or the environment."""
        parts = (place[:length] for length in range(len(place), 0, -1))
        variable = next((self.variables[part] for part in parts if part in self.variables), "")
        self._places.add(place)
        self._append(ENVIRONMENT if variable else self._source, variable or ".".join(place), problem, fix)

    def add_variable(self, variable: str, problem: str, fix: str) -> None:
        """Add a fault of an environment variable itself."""
        self._append(ENVIRONMENT, variable, problem, fix)

    def covers(self, place: Place) -> bool:
        """Whether this key, or a table around it, has a fault; then its value is not used for further checks."""
        return any(place[: len(known)] == known for known in self._places)

    def entries(self, *tables: str) -> frozenset[tuple[str, str]]:
        """The entries of these tables, as (table, name), that have a fault inside."""
        return frozenset((place[0], place[1]) for place in self._places if place[0] in tables and len(place) > 1)

    def found(self) -> tuple[Fault, ...]:
        """All faults, in order."""
        return tuple(self._faults)

    def _append(self, source: str, key: str, problem: str, fix: str) -> None:
        self._faults.append(Fault(source=source, key=key, problem=problem, fix=fix))
