"""An engine in a private world of its own: when that ends, nothing of the engine is left."""

from __future__ import annotations

from types import TracebackType
from typing import Final

from dirmeta.model.stack import Stack
from dirmeta.sandbox.worker import Worker, WorkerError
from dirmeta.subjects.engines import inside
from dirmeta.subjects.engines.base import Composed, Engine, EngineError

START_TIMEOUT: Final = 90.0
COMPOSE_TIMEOUT: Final = 300.0


class World:
    """Runs from when it is made until `close`. Raises EngineError where the engine does not start."""

    def __init__(self, engine: Engine) -> None:
        try:
            self._worker = Worker()
        except WorkerError as error:
            raise EngineError(str(error)) from error
        try:
            self._worker.call_within(START_TIMEOUT, inside.start, engine)
        except WorkerError as error:
            self._worker.kill()
            raise EngineError(str(error)) from error

    def compose(self, stack: Stack) -> Composed:
        """The root file system of one image. Raises EngineError where the engine itself fails."""
        try:
            return self._worker.call_within(COMPOSE_TIMEOUT, inside.compose, stack)
        except WorkerError as error:
            raise EngineError(str(error)) from error

    def close(self) -> None:
        self._worker.close()

    def __enter__(self) -> World:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
