"""`dirmeta rules`: what the rules say."""

from __future__ import annotations

import json
import textwrap

import click

from dirmeta.judge.opening import UsageError
from dirmeta.rules.catalogue import STATUS, Rule, SelectionError, catalogue, select


@click.group()
def rules() -> None:
    """List the rules, or show what one says."""


@rules.command("list")
@click.argument("globs", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="as JSON")
def list_rules(globs: tuple[str, ...], as_json: bool) -> None:
    """One line a rule; GLOBS choose, e.g. 'MERGE-*'."""
    chosen = _chosen(globs)
    if as_json:
        print(json.dumps([_data(rule) for rule in chosen], indent=2))
        return
    for rule in chosen:
        unchecked = "" if rule.checked else "    (no check in this version)"
        print(f"{rule.id:<22}{STATUS[rule.status]:<10}{rule.title}{unchecked}")


@rules.command("show")
@click.argument("globs", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="as JSON")
def show(globs: tuple[str, ...], as_json: bool) -> None:
    """The full text of rules, their source and their policies."""
    chosen = _chosen(globs)
    if as_json:
        print(json.dumps([_data(rule) for rule in chosen], indent=2))
        return
    print("\n\n".join(_text(rule) for rule in chosen))


def _chosen(globs: tuple[str, ...]) -> list[Rule]:
    try:
        return list((select(globs) if globs else catalogue()).values())
    except SelectionError as error:
        raise UsageError(str(error)) from None


def _data(rule: Rule) -> dict[str, object]:
    return {
        "id": rule.id,
        "status": STATUS[rule.status],
        "title": rule.title,
        "text": rule.text,
        "source": rule.source,
        "policy": list(rule.policy),
        "requires": list(rule.requires),
        "checked": rule.checked,
    }


def _text(rule: Rule) -> str:
    lines = [f"{rule.id}    {STATUS[rule.status]}", textwrap.fill(rule.text, 96)]
    lines += [f"source    {rule.source}"] if rule.source else []
    lines += [f"policy    {', '.join(rule.policy)}"] if rule.policy else []
    lines += [f"requires  {', '.join(rule.requires)}"] if rule.requires else []
    lines += [] if rule.checked else ["no check in this version"]
    return "\n".join(lines)
