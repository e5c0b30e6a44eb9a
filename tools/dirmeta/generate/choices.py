"""Drawn bytes as choices."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Final, TypeVar

T = TypeVar("T")

_CIPHERS: Final = (bytes(range(256)), *(bytes(random.Random(n).sample(range(256), 256)) for n in range(3)))
WAYS: Final = 2 * len(_CIPHERS)


class Choices:
    """Reads bytes one after another, each as an index that wraps into what there is to choose from.

    Past the end every byte is 0, which means the first, simplest choice. A part (see `part`) has bytes
    of its own, so that what is read from it moves nothing that is read elsewhere.
    """

    __slots__ = ("_at", "_data")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def index(self, count: int) -> int:
        """A number below `count`, which is at least 1 and at most 65536."""
        at = self._at
        if count <= 256:
            self._at = at + 1
            return self._data[at] % count if at < len(self._data) else 0
        self._at = at + 2
        return int.from_bytes(self._data[at : at + 2], "little") % count

    def indices(self, first: int, second: int) -> tuple[int, int]:
        """A number below each of two counts, from what `index` reads for their product."""
        count = first * second
        at = self._at
        if count <= 256 and at < len(self._data):
            self._at = at + 1
            return divmod(self._data[at] % count, second)
        return divmod(self.index(count), second)

    def pick(self, pool: Sequence[T]) -> T:
        """One of `pool`, which is not empty and goes from simple to complex."""
        at, count = self._at, len(pool)
        if count <= 256 and at < len(self._data):  # as `index` does, without another call
            self._at = at + 1
            return pool[self._data[at] % count]
        return pool[self.index(count)]

    def chance(self, times: int, out_of: int) -> bool:
        """True `times` out of `out_of`; False is the simple choice."""
        return self.index(out_of) >= out_of - times

    def skip(self, size: int) -> None:
        """Leave out `size` bytes, which decide nothing here."""
        self._at += size

    def part(self, size: int) -> Choices:
        """The next `size` bytes, as choices of their own."""
        at = self._at
        self._at = at + size
        return Choices(self._data[at : at + size])

    def ways(self) -> Iterator[Choices]:
        """All bytes, as choices of their own `WAYS` times: from either end, as they are and under ciphers.

        Each way decides as any other drawn bytes would; only together they are not independent.
        """
        for cipher in _CIPHERS:
            data = self._data.translate(cipher)
            yield Choices(data)
            yield Choices(data[::-1])
