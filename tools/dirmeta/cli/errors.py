"""Errors as users see them: one line, the right exit status, never a traceback."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import click

from dirmeta.judge.opening import UsageError
from dirmeta.kernels.errors import KernelError, KernelUsageError
from dirmeta.labs.base import LabError, Misbehaviour
from dirmeta.model.codec import CaseError
from dirmeta.model.listing import ListingError
from dirmeta.streams.errors import DecodeError, EncodeError, LoadError
from dirmeta.subjects.base import SubjectError

USAGE = 2
ERROR = 3


def fail(message: str, status: int) -> NoReturn:
    """End with one line on stderr."""
    print(f"dirmeta: {message}", file=sys.stderr)
    raise SystemExit(status)


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Turn what can go wrong into one line and an exit status."""
    try:
        yield
    except click.exceptions.Exit as ended:
        raise SystemExit(ended.exit_code) from None
    except click.UsageError as error:
        where = error.ctx.command_path if error.ctx else "dirmeta"
        fail(f"{error.format_message()} See `{where} --help`.", USAGE)
    except click.ClickException as error:
        fail(error.format_message(), USAGE)
    except (
        UsageError,
        CaseError,
        ListingError,
        EncodeError,
        DecodeError,
        LoadError,
        KernelUsageError,
    ) as error:
        fail(str(error), USAGE)
    except (SubjectError, LabError, KernelError, Misbehaviour) as error:
        fail(str(error), ERROR)
    except click.Abort:
        raise KeyboardInterrupt from None
    except BrokenPipeError:
        # Who read us has gone; what Python would still flush has nowhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(141) from None
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        fail(f"{where}{error.strerror or error}", ERROR)
    except Exception as error:  # the last resort: a bug of ours is no user's reading matter
        if os.environ.get("DIRMETA_DEBUG"):
            raise
        fail(
            f"internal error: {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
            "; set DIRMETA_DEBUG=1 for the traceback and please report it",
            ERROR,
        )
