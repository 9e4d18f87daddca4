"""docs/reliability.md: each part writes its own section and leaves the others."""

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from reliability import report
from reliability.checks import KINDS, Findings
from reliability.crash import CrashFigures
from reliability.steps import STEPS

AT = datetime(2026, 10, 25, 12, tzinfo=UTC)


def test_a_section_is_replaced_and_the_others_stay(tmp_path: Path) -> None:
    page = tmp_path / "reliability.md"
    for section in reversed(report.SECTIONS):
        report.write(section, f"Om {section}.", page)
    report.write(report.SECTIONS[1], "Nytt.", page)
    content = page.read_text(encoding="utf-8")
    assert content.startswith(report.INTRODUCTION.strip())
    assert [line[3:] for line in content.splitlines() if line.startswith("## ")] == list(report.SECTIONS)
    assert "Nytt." in content
    assert f"Om {report.SECTIONS[1]}." not in content
    assert f"Om {report.SECTIONS[2]}." in content


def test_what_differed_is_told_with_its_number() -> None:
    figures = CrashFigures("sqlite", "SQLite 3", AT, kills=Counter({STEPS[0]: 3, STEPS[4]: 2}), turns={"web": 9})
    assert "**5 times**" in report.crash(figures)
    assert "What differed" not in report.crash(figures)
    figures.findings = Findings(messages=12)
    figures.findings.differ(KINDS[0], "web m1")
    told = report.crash(figures)
    assert "| acknowledged messages, each handled | 12 | 1 |" in told
    assert f"- {KINDS[0]}: web m1" in told
