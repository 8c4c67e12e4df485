"""`joyvl doctor`: what works here and what is missing, with the fix for each."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bot.diagnosis import Finding, Verdict, examine
from bot.settings import load_settings

_MARKS = {Verdict.OK: "[green]✓[/]", Verdict.PARTLY: "[yellow]•[/]", Verdict.MISSING: "[red]✗[/]"}


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line instead of a table.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show stack traces.")] = False,
) -> None:
    """Says what works on this machine and what is missing, with the fix for each.

    Ends with exit code 1 when something is missing that nothing works without.

    Examples:

    - `joyvl doctor`
    - `joyvl doctor --json`
    """
    console = Console(highlight=False)
    findings: list[Finding] = []
    with Console(stderr=True).status("looking around …"):
        findings.extend(examine(load_settings()))
    if as_json:
        for finding in findings:
            typer.echo(json.dumps(asdict(finding), ensure_ascii=False))
    else:
        console.print(findings_table(findings))
    if any(finding.needed and finding.verdict is Verdict.MISSING for finding in findings):
        raise typer.Exit(1)


def findings_table(findings: list[Finding]) -> Table:
    """One line a finding, with its fix under it."""
    table = Table(box=None, pad_edge=False, show_header=False)
    for finding in findings:
        # Text, not markup: errors may hold square brackets.
        words = Text(finding.detail)
        if finding.fix:
            words.append(f"\n→ {finding.fix}", "dim")
        table.add_row(_MARKS[finding.verdict], finding.part, words)
    return table
