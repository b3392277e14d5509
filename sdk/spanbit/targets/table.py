"""A TOML table that is taken apart key by key; what is unknown, missing or wrong is named with its file.

table = Table({"cores": 4}, where="rpi4.toml")
cores = table.count("cores")
table.finish()                                   # refuses keys that nobody asked for
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence

from spanbit.errors import SpanbitError


class Table:
    """Each reader gives one key's value and checks its type; all raise SpanbitError."""

    def __init__(
        self, values: Mapping[str, object], known: Sequence[str], where: str, prefix: str = ""
    ) -> None:
        self._values, self.where, self._prefix = values, where, prefix
        for key in values:
            if key not in known:
                close = difflib.get_close_matches(key, known, n=1)
                hint = f"did you mean {prefix}{close[0]}?" if close else f"known: {', '.join(known)}"
                raise SpanbitError(f"unknown key {prefix}{key}", where=where, fix=hint)

    def has(self, key: str) -> bool:
        """Whether the key is there."""
        return key in self._values

    def text(self, key: str, choices: Sequence[str] = ()) -> str:
        """A string that is not empty, one of `choices` if there are any."""
        value = self._take(key)
        if not isinstance(value, str) or not value:
            raise self._wrong(key, value, "text")
        if choices and value not in choices:
            raise self._wrong(key, value, f"one of {', '.join(choices)}")
        return value

    def count(self, key: str) -> int:
        """A whole number above 0."""
        value = self._take(key)
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise self._wrong(key, value, "a whole number above 0")
        return value

    def positive(self, key: str) -> float:
        """A number above 0."""
        value = self._take(key)
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 < value < float("inf"):
            raise self._wrong(key, value, "a number above 0")
        return float(value)

    def amount(self, key: str) -> float:
        """A number that is not below 0."""
        value = self._take(key)
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value < float("inf"):
            raise self._wrong(key, value, "a number of 0 or more")
        return float(value)

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of strings."""
        value = self._take(key)
        if not isinstance(value, list) or not all(isinstance(part, str) for part in value):
            raise self._wrong(key, value, "a list of texts")
        return tuple(value)

    def table(self, key: str, known: Sequence[str]) -> Table:
        """A table inside this one."""
        value = self._take(key)
        if not isinstance(value, dict):
            raise self._wrong(key, value, "a table")
        return Table(value, known, self.where, f"{self._prefix}{key}.")

    def tables(self, key: str, known: Sequence[str]) -> tuple[Table, ...]:
        """A list of tables, at least one."""
        value = self._take(key)
        if not isinstance(value, list) or not value or not all(isinstance(part, dict) for part in value):
            raise self._wrong(key, value, f"one or more tables [[{self._prefix}{key}]]")
        return tuple(
            Table(part, known, self.where, f"{self._prefix}{key}[{at}].") for at, part in enumerate(value, 1)
        )

    def _take(self, key: str) -> object:
        if key in self._values:
            return self._values[key]
        fix = "add it; docs/boards.md lists all keys"
        raise SpanbitError(f"the key {self._prefix}{key} is missing", where=self.where, fix=fix)

    def _wrong(self, key: str, value: object, wanted: str) -> SpanbitError:
        why = f"it is {value!r}"[:200]
        return SpanbitError(f"{self._prefix}{key} must be {wanted}", where=self.where, why=why)
