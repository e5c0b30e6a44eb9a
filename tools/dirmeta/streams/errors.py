"""What goes wrong between a stack and its bytes. Every message is one line."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager


class EncodeError(ValueError):
    """An entry holds something that the format asked for can not hold."""


class DecodeError(ValueError):
    """Bytes that are no layer, or one with entries of a kind the model does not have.

    The message does not name the file: the caller knows it.
    """


class LoadError(ValueError):
    """A path that holds no stack, or a broken one. The message begins with the path."""


@contextmanager
def reading(path: str | os.PathLike[str]) -> Iterator[None]:
    """What goes wrong inside becomes a LoadError about `path`."""
    try:
        yield
    except DecodeError as error:
        raise LoadError(f"{os.fspath(path)}: {error}") from None
    except OSError as error:
        raise LoadError(f"{error.filename or os.fspath(path)}: {error.strerror or error}") from None
    except RecursionError:
        raise LoadError(f"{os.fspath(path)}: nested too deeply") from None
