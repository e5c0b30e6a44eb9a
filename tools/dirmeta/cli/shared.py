"""Options that several subcommands share."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, TypeVar

import click

from dirmeta.options import OPTIONS

Function = TypeVar("Function", bound=Callable[..., Any])


def run_options(leave_out: Collection[str] = ()) -> Callable[[Function], Function]:
    """Add the options of a run (`dirmeta.options.OPTIONS`) to a click command."""

    def add(function: Function) -> Function:
        for option in reversed(OPTIONS):
            if option.field in leave_out:
                continue
            settings: dict[str, Any] = {"help": option.help}
            if option.is_flag:
                settings |= {"is_flag": True, "default": None}
            else:
                settings |= {"metavar": option.metavar, "type": option.type, "multiple": option.multiple}
            function = click.option(option.flag, option.field, **settings)(function)
        return function

    return add
