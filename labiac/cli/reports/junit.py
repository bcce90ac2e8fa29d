"""A report as JUnit XML, which CI systems and teaching platforms show."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from labiac.cli.reports.report import AGREES, called, told

if TYPE_CHECKING:
    from collections.abc import Iterable

    from labiac.cli.reports.report import Report
    from labiac.reach.checks import CheckResult

_NO_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What no XML document may have (XML 1.0, 2.2), and a program on a node may well print."""


def junit(report: Report) -> bytes:
    """Return *report* as JUnit XML: a case for the matrix, and one for each check."""
    return document([suite(report)])


def document(suites: Iterable[Element]) -> bytes:
    """Return *suites* as one file."""
    root = Element("testsuites")
    root.extend(suites)
    indent(root)
    text: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return text + b"\n"


def suite(report: Report) -> Element:
    """Return what was found of one copy as a suite."""
    checks = report.found.checks
    failures = (not report.found.agree) + sum(not each.ok for each in checks)
    seconds = sum(each.seconds for each in checks)
    whole = Element(
        "testsuite",
        name=f"{report.plan.lab} of {report.plan.student}",
        timestamp=report.when.isoformat(timespec="seconds"),
        tests=str(len(checks) + 1),
        failures=str(failures),
        errors="0",
        skipped="0",
        time=f"{seconds:.3f}",
    )
    properties = SubElement(whole, "properties")
    for name, value in _properties(report).items():
        SubElement(properties, "property", name=name, value=value)
    matrix = SubElement(whole, "testcase", classname=report.plan.lab, name=AGREES, time="0")
    if report.disagreement:
        SubElement(matrix, "failure", message=report.disagreement)
    for each in checks:
        _case(whole, report.plan.lab, each)
    return whole


def not_measured(lab: str, student: str, reason: str) -> Element:
    """Return the suite of a copy that could not be measured."""
    whole = Element(
        "testsuite", name=f"{lab} of {student}", tests="1", failures="0", errors="1", time="0"
    )
    case = SubElement(whole, "testcase", classname=lab, name=AGREES, time="0")
    SubElement(case, "error", message=_legal(reason))
    return whole


def _properties(report: Report) -> dict[str, str]:
    return {
        "lab": report.plan.lab,
        "student": report.plan.student,
        "backend": report.plan.backend,
        "points.got": f"{report.found.got:g}",
        "points.of": f"{report.found.of:g}",
    }


def _case(whole: Element, lab: str, result: CheckResult) -> None:
    name, seconds = _legal(called(result.check)), f"{result.seconds:.3f}"
    case = SubElement(whole, "testcase", classname=lab, name=name, time=seconds)
    if not result.ok:
        failure = SubElement(case, "failure", message=_legal(result.reason))
        failure.text = _legal(result.check.hint)
    SubElement(case, "system-out").text = _legal(f"{result.check}\n{told(result.evidence)}")


def _legal(text: str) -> str:
    return _NO_XML.sub("\N{REPLACEMENT CHARACTER}", text)
