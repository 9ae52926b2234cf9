# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Static checks of the checkout: silent and exit code 0 when all is well."""

from __future__ import annotations

import argparse
import concurrent.futures
import dataclasses
import hashlib
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
LLVM_BIN = pathlib.Path(os.environ.get("LLVM_PREFIX", "/usr/lib/llvm-22")) / "bin"

LICENCE = "SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception"
LICENSED_SUFFIXES = {".h", ".cpp", ".td", ".py", ".cmake", ".in", ".toml", ".sh"}
LICENSED_NAMES = {"CMakeLists.txt", "lit.local.cfg"}


@dataclasses.dataclass(frozen=True)
class Result:
    """The outcome of one check; `output` says what is wrong when it failed."""

    name: str
    passed: bool
    output: str = ""


def tracked_files(*patterns: str) -> list[pathlib.Path]:
    """Existing files known to git or new, relative to the root, sorted."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(
        [*command, "--", *patterns],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split("\0")
    return [p for p in map(pathlib.Path, sorted(set(names) - {""})) if (ROOT / p).is_file()]


def run(name: str, command: Sequence[str | os.PathLike[str]]) -> Result:
    """Runs a checker that says what is wrong through its exit code and output."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    return Result(name, done.returncode == 0, done.stdout + done.stderr)


def check_licences() -> Result:
    """Every source file names the licence in its first lines."""
    missing = []
    for path in tracked_files():
        if path.suffix in LICENSED_SUFFIXES or path.name in LICENSED_NAMES:
            with open(ROOT / path, encoding="utf-8") as file:
                head = [file.readline() for _ in range(10)]
            if not any(LICENCE in line for line in head):
                missing.append(f"{path}:1: error: no line '{LICENCE}'")
    return Result("licences", not missing, "\n".join(missing))


def check_links() -> Result:
    """Every relative link of a Markdown page leads to a file of the checkout."""
    broken = []
    for path in tracked_files("*.md"):
        text = (ROOT / path).read_text(encoding="utf-8")
        for number, line in enumerate(text.splitlines(), start=1):
            for target in re.findall(r"\]\(([^)\s#]+)(?:#[^)\s]*)?\)", line):
                if re.match(r"[a-z]+:", target):
                    continue
                if not (ROOT / path.parent / target).exists():
                    broken.append(f"{path}:{number}: error: no such file: {target}")
    return Result("links", not broken, "\n".join(broken))


def check_python() -> Result:
    """Lints the Python sources with the rules of pyproject.toml."""
    return run("ruff", [sys.executable, "-m", "ruff", "check", "--quiet", "."])


class ClangTidy:
    """Runs clang-tidy over files of the build, at most once for each content.

    The outcome of a file depends on its text, on the project's headers that it
    includes, on its flags and on the configuration. A file that passed leaves a
    mark named by the hash of all those, with paths relative to the checkout, so
    that clones share the marks.
    """

    def __init__(self) -> None:
        cache = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
        self._marks = pathlib.Path(cache) / "approx-act" / "clang-tidy"
        self._tool = LLVM_BIN / "clang-tidy"
        database = json.loads((BUILD / "compile_commands.json").read_text())
        self._commands = {
            pathlib.Path(entry["file"]).relative_to(ROOT): entry
            for entry in database
            if pathlib.Path(entry["file"]).is_relative_to(ROOT)
            and not pathlib.Path(entry["file"]).is_relative_to(BUILD)
        }
        version = subprocess.run([self._tool, "--version"], check=True, capture_output=True).stdout
        self._base = version + (ROOT / ".clang-tidy").read_bytes()

    @property
    def files(self) -> list[pathlib.Path]:
        """The C++ sources of the project that the build compiles."""
        return sorted(self._commands)

    def check(self, files: Iterable[pathlib.Path]) -> Iterator[Result]:
        """Checks `files`, as many at a time as there are processors."""
        dependencies = self._dependencies()
        keys = {file: self._key(file, dependencies) for file in files}
        self._forget_old_marks()
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            yield from pool.map(lambda item: self._check_one(*item), keys.items())

    def _check_one(self, file: pathlib.Path, key: str) -> Result:
        mark = self._marks / key
        if mark.exists():
            mark.touch()
            return Result(f"tidy {file}", True)
        result = run(f"tidy {file}", [self._tool, "-p", BUILD, "--quiet", file])
        if result.passed:
            self._marks.mkdir(parents=True, exist_ok=True)
            mark.touch()
        return result

    def _key(self, file: pathlib.Path, dependencies: dict[str, list[pathlib.Path]]) -> str:
        command = shlex.split(self._commands[file]["command"])
        flags = [f.replace(str(ROOT), "") for f in command if not f.endswith("ccache")]
        digest = hashlib.sha256(self._base)
        digest.update("\0".join(flags).encode())
        target = command[command.index("-o") + 1]
        for dependency in dependencies[target]:
            digest.update(f"\0{dependency}\0".encode())
            digest.update((ROOT / dependency).read_bytes())
        return digest.hexdigest()

    @staticmethod
    def _dependencies() -> dict[str, list[pathlib.Path]]:
        """The files of the checkout, generated ones too, behind each object."""
        text = subprocess.run(
            ["ninja", "-C", BUILD, "-t", "deps"],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        result: dict[str, list[pathlib.Path]] = {}
        for block in text.split("\n\n"):
            target, *names = block.strip().splitlines() or [""]
            paths = (pathlib.Path(os.path.normpath(BUILD / n.strip())) for n in names)
            result[target.split(":")[0]] = sorted(
                p.relative_to(ROOT) for p in paths if p.is_relative_to(ROOT) and p.exists()
            )
        return result

    def _forget_old_marks(self, days: int = 60) -> None:
        limit = time.time() - days * 24 * 3600
        for mark in self._marks.glob("*"):
            if mark.stat().st_mtime < limit:
                mark.unlink(missing_ok=True)


def quick_checks() -> Iterator[Result]:
    """The checks that take about a second each."""
    yield check_licences()
    yield check_links()
    yield check_python()


def main(argv: Sequence[str] | None = None) -> int:
    """Checks what `argv` names; returns the exit code."""
    parser = argparse.ArgumentParser(prog="scripts/lint", description=__doc__)
    parser.add_argument(
        "files",
        nargs="*",
        type=pathlib.Path,
        help="C++ sources to check; without any, everything is checked",
    )
    args = parser.parse_args(argv)

    tidy = ClangTidy()
    files = [pathlib.Path(os.path.relpath(f, ROOT)) for f in args.files]
    if unknown := [str(f) for f in files if f not in tidy.files]:
        parser.error(f"not a C++ source of the build: {', '.join(unknown)}")

    failed = 0
    checks = tidy.check(files) if files else (*quick_checks(), *tidy.check(tidy.files))
    for result in checks:
        if not result.passed:
            failed += 1
            print(result.output.strip())
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
