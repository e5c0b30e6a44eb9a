"""Results as JSON: everything that the terminal shows, and each witness as a case."""

from __future__ import annotations

import json
from typing import Any

from dirmeta.judge.results import Report, consistent, exit_status, summary
from dirmeta.rules.catalogue import STATUS, catalogue

VERSION = 1
INNER = ("rule", "needs", "group", "models", "compared", "deviations")
"""Fields of a result that only matter between shards, or stand under another name."""


def report_json(report: Report) -> str:
    return json.dumps(report_data(report), indent=2, ensure_ascii=True) + "\n"


def report_data(report: Report) -> dict[str, Any]:
    """The report as plain data.

    ``dirmeta-report`` is the version of this form; ``rules`` holds one object a rule, in catalogue order;
    ``mounts`` says which models of overlayfs no mount contradicts, null where none was compared.
    """
    return {
        "dirmeta-report": VERSION,
        "about": report.about,
        "summary": summary(report.results),
        "exit": exit_status(report.results),
        "mounts": {
            "consistent": consistent(report.results),
            "cases": sum(result.compared for result in report.results),
        },
        "seconds": round(report.seconds, 3),
        "rules": [
            {
                "id": result.rule,
                "status": STATUS[catalogue()[result.rule].status],
                "title": catalogue()[result.rule].title,
                **{key: value for key, value in result.to_json().items() if key not in INNER},
            }
            for result in report.results
        ],
    }
