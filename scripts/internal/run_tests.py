# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs the tests of the checkout and sums them up in the last line.

The steps, in this order:
  format   clang-format and ruff would change nothing
  lint     licence headers, links in the docs, ruff's rules
  docs     docs/reference is what the ODS files generate
  lit      the compiler, test/
  pytest   the Python package, python/tests
  sanitize the compiler's tests once more, with AddressSanitizer and UBSan
  tidy     clang-tidy over the sources changed since they last passed
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
import traceback
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import lint
from lint import BUILD, LLVM_BIN, ROOT, Result


class Tally:
    """Counts outcomes and remembers the names of what failed."""

    def __init__(self) -> None:
        self.passed = 0
        self.skipped = 0
        self.failures: list[str] = []

    def add(self, result: Result) -> None:
        """Counts a check and shows what it said if it failed."""
        if result.passed:
            self.passed += 1
        else:
            self.failures.append(result.name)
            print(result.output.rstrip())

    def add_junit(self, path: Path, exit_code: int, name: str) -> None:
        """Counts the test cases of a JUnit file written by a test runner.

        The runner's own exit code is believed over the file: one that stopped
        before it could write results, or failed without a failed case, counts
        as a failure.
        """
        failures = len(self.failures)
        if path.stat().st_size:
            for case in ElementTree.parse(path).iter("testcase"):
                outcomes = {child.tag for child in case}
                if outcomes & {"failure", "error"}:
                    self.failures.append(f"{case.get('classname')}.{case.get('name')}")
                elif "skipped" in outcomes:
                    self.skipped += 1
                else:
                    self.passed += 1
        if exit_code and len(self.failures) == failures:
            self.failures.append(f"{name} (exit code {exit_code})")

    def summary(self) -> str:
        """The closing line."""
        line = f"{self.passed} passed, {len(self.failures)} failed"
        return f"{line}, {self.skipped} skipped" if self.skipped else line


def run_with_junit(
    tally: Tally,
    name: str,
    option: str,
    command: Sequence[str | Path],
    environment: Mapping[str, str] | None = None,
) -> None:
    """Runs a test runner with its output shown, and counts its test cases."""
    with tempfile.NamedTemporaryFile(suffix=".xml") as junit:
        done = subprocess.run([*command, f"{option}={junit.name}"], cwd=ROOT, env=environment)
        tally.add_junit(Path(junit.name), done.returncode, name)


def test_format(tally: Tally) -> None:
    """Nothing is left to format."""
    tally.add(lint.run("format", [ROOT / "scripts" / "format", "--check"]))


def test_lint(tally: Tally) -> None:
    """Runs the static checks that take about a second each."""
    for result in lint.quick_checks():
        tally.add(result)


def test_docs(tally: Tally) -> None:
    """Generates docs/reference anew and compares it with what was there."""
    folder = ROOT / "docs" / "reference"
    before = {page: page.read_bytes() for page in folder.glob("*.md")}
    for page in before:
        page.unlink()
    built = lint.run("reference", ["ninja", "-C", BUILD, "--quiet", "approx-act-doc"])
    if not built.passed:
        for page, text in before.items():
            page.write_bytes(text)
        tally.add(built)
        return
    after = {page: page.read_bytes() for page in folder.glob("*.md")}
    stale = sorted(
        str(page.relative_to(ROOT))
        for page in before.keys() | after.keys()
        if before.get(page) != after.get(page)
    )
    message = "stale, now generated anew, commit them: " + " ".join(stale)
    tally.add(Result("reference", not stale, message))


def test_lit(tally: Tally) -> None:
    """Runs every lit test, the integration tests too."""
    lit = [sys.executable, LLVM_BIN / "lit", "-sv", "--no-progress-bar"]
    run_with_junit(tally, "lit", "--xunit-xml-output", [*lit, BUILD / "test"])


def test_pytest(tally: Tally) -> None:
    """Runs the tests of the Python package."""
    pytest = [sys.executable, "-m", "pytest", "-q"]
    run_with_junit(tally, "pytest", "--junit-xml", pytest)


def test_sanitize(tally: Tally) -> None:
    """Runs the lit tests that need no Python on a compiler built with sanitizers."""
    subprocess.run([ROOT / "scripts" / "setup", "--sanitize"], cwd=ROOT, check=True)
    # The packaged LLVM does not unpoison what its allocators hand out again.
    environment = os.environ | {"ASAN_OPTIONS": "allow_user_poisoning=0:detect_leaks=0"}
    suites = [
        d for d in sorted((ROOT / "test").iterdir()) if d.is_dir() and d.name != "Integration"
    ]
    folders = [BUILD / "sanitize" / "test" / suite.name for suite in suites]
    lit = [sys.executable, LLVM_BIN / "lit", "-sv", "--no-progress-bar", *folders]
    run_with_junit(tally, "sanitize", "--xunit-xml-output", lit, environment)


def test_tidy(tally: Tally) -> None:
    """Counts each C++ source as one test."""
    tidy = lint.ClangTidy()
    for result in tidy.check(tidy.files):
        tally.add(result)


STEPS: dict[str, Callable[[Tally], None]] = {
    "format": test_format,
    "lint": test_lint,
    "docs": test_docs,
    "lit": test_lit,
    "pytest": test_pytest,
    "sanitize": test_sanitize,
    "tidy": test_tidy,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the steps named in `argv`; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="scripts/test",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "steps",
        nargs="*",
        metavar="step",
        help="which steps to run (default: all of them)",
    )
    args = parser.parse_args(argv)
    if unknown := set(args.steps) - STEPS.keys():
        parser.error(f"unknown step: {', '.join(sorted(unknown))}; one of {', '.join(STEPS)}")

    tally = Tally()
    for name, step in STEPS.items():
        if args.steps and name not in args.steps:
            continue
        print(f"== {name}", flush=True)
        start = time.monotonic()
        try:
            step(tally)
        except Exception:  # The other steps still have something to say.
            traceback.print_exc()
            tally.failures.append(name)
        print(f"   {time.monotonic() - start:.1f} s", flush=True)

    for failure in tally.failures:
        print(f"failed: {failure}")
    print(tally.summary())
    return 1 if tally.failures else 0


if __name__ == "__main__":
    os.environ.setdefault("PYTHONDONTWRITEBYTECODE", "1")
    sys.exit(main())
