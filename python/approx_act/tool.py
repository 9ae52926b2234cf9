# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs ``approx-act-opt``, the compiler, as a subprocess.

The compiler links its own MLIR and jaxlib carries another one, so the two never
share a process: text goes in, text and remarks come out.
"""

from __future__ import annotations

import dataclasses
import functools
import linecache
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

TOOL = "approx-act-opt"
ENVIRONMENT_VARIABLE = "APPROX_ACT_OPT"
LIBRARY = "libapprox_act_program.so"
LIBRARY_VARIABLE = "APPROX_ACT_LIBRARY"
_TOOLKIT_VARIABLES = ("CUDA_ROOT", "CUDA_HOME", "CUDA_PATH")

_DIAGNOSTIC = re.compile(
    r"^(?P<file>.*?):(?P<line>\d+):(?:(?P<column>\d+):)? "
    r"(?P<severity>error|warning|note|remark): (?P<message>.*)$"
)

# The memory plan among the messages of the compiler, of which a line is a buffer.
_PLAN = re.compile(r"^(?:buffer,type,.*|\d+,memref<.*)\n", re.MULTILINE)


@dataclasses.dataclass(frozen=True)
class Diagnostic:
    """One message of the compiler.

    Attributes:
      severity: ``"error"``, ``"warning"``, ``"note"`` or ``"remark"``.
      message: what is wrong, in one line.
      file: file of the location, or ``None`` when there is none.
      line: line number, from 1; 0 when there is none.
      column: column number, from 1; 0 when there is none.
    """

    severity: str
    message: str
    file: str | None = None
    line: int = 0
    column: int = 0

    @property
    def source_line(self) -> str:
        """The line of the file that is meant, or an empty string."""
        return linecache.getline(self.file, self.line).strip() if self.file else ""

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}:{self.column}: " if self.file else ""
        return f"{where}{self.severity}: {self.message}"


class ApproxActError(Exception):
    """The compiler, or the importer, refused a program.

    Attributes:
      diagnostics: what was reported, in order; may be empty.
    """

    def __init__(self, message: str, diagnostics: Sequence[Diagnostic] = ()):
        self.diagnostics = tuple(diagnostics)
        lines = [message]
        shown = ""
        for diagnostic in diagnostics:
            lines.append(str(diagnostic))
            # Notes are often about the same line; it is shown once.
            if diagnostic.source_line not in ("", shown):
                shown = diagnostic.source_line
                lines.append(f"    {shown}")
        super().__init__("\n".join(lines))


class RefusedError(ApproxActError):
    """The compiler works, and says what is wrong with the program."""


class ApproxActWarning(UserWarning):
    """A training step was left exact; the text says why."""


@dataclasses.dataclass(frozen=True)
class Remark:
    """One decision of the compiler.

    Attributes:
      kind: ``"Passed"``, ``"Missed"``, ``"Failure"`` or ``"Analysis"``.
      name: the name of the decision, such as ``"quantized"``.
      function: the function it was made for.
      args: its arguments, by name.
    """

    kind: str
    name: str
    function: str
    args: dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Result:
    """What the compiler returned.

    Attributes:
      text: the rewritten module.
      remarks_text: its decisions, as YAML.
    """

    text: str
    remarks_text: str

    @functools.cached_property
    def remarks(self) -> tuple[Remark, ...]:
        """The decisions, in program order."""
        return parse_remarks(self.remarks_text)

    @property
    def unchanged(self) -> Remark | None:
        """The remark on the step as a whole, if it was left unchanged.

        It is of kind ``"Analysis"`` where there was nothing to do and ``"Missed"``
        where something was kept that could not be compressed.
        """
        if "unchanged" not in self.remarks_text:
            return None  # Reading thousands of remarks takes a second.
        remarks = (r for r in self.remarks if r.name == "unchanged" and r.function == "main")
        return next(remarks, None)


@dataclasses.dataclass(frozen=True)
class Lowered:
    """What the compiler made of a program on its way to kernels.

    Attributes:
      module: the host's program with the kernels, as MLIR's bytecode.
      plan: the memory plan, as CSV.
      remarks: the decisions.
    """

    module: bytes
    plan: str
    remarks: tuple[Remark, ...]


def find_tool() -> str:
    """Returns the path of ``approx-act-opt``.

    Looked up in this order: the environment variable ``APPROX_ACT_OPT``, the
    binary installed with this package, the checkout's build directory, ``PATH``.

    Raises:
      ApproxActError: there is none, or the variable names no executable.
    """
    named = os.environ.get(ENVIRONMENT_VARIABLE)
    if named:
        path = shutil.which(named)
        if path is None:
            raise ApproxActError(f"{ENVIRONMENT_VARIABLE}={named} is not an executable file")
        return path
    for root in _roots():
        if os.access(root / "bin" / TOOL, os.X_OK):
            return str(root / "bin" / TOOL)
    path = shutil.which(TOOL)
    if path is None:
        raise ApproxActError(
            f"cannot find {TOOL}: install the package with 'pip install .', build it "
            f"into build/bin, put it on PATH, or set {ENVIRONMENT_VARIABLE}"
        )
    return path


def find_library() -> str:
    """Returns the path of the library that runs programs with kernels.

    Looked up in this order: the environment variable ``APPROX_ACT_LIBRARY``, the
    library installed with this package, the checkout's build directory, ``lib``
    beside the directory of the ``approx-act-opt`` on ``PATH``.

    Raises:
      ApproxActError: there is none, or the variable names no file.
    """
    named = os.environ.get(LIBRARY_VARIABLE)
    if named:
        if not os.path.isfile(named):
            raise ApproxActError(f"{LIBRARY_VARIABLE}={named} is not a file")
        return named
    roots = list(_roots())
    if path := shutil.which(TOOL):
        roots.append(Path(path).resolve().parents[1])
    for root in roots:
        if (root / "lib" / LIBRARY).is_file():
            return str(root / "lib" / LIBRARY)
    raise ApproxActError(
        f"cannot find {LIBRARY}: install the package with 'pip install .', build it "
        f"into build/lib, or set {LIBRARY_VARIABLE}"
    )


def find_toolkit() -> str | None:
    """Returns the root of the CUDA toolkit, or ``None`` where there is none.

    It is that of the environment variables ``CUDA_ROOT``, ``CUDA_HOME`` or
    ``CUDA_PATH``, or else that of the packages ``nvidia-cuda-nvcc`` and
    ``nvidia-nvvm`` in Python's environment, or ``/usr/local/cuda``.
    """
    for variable in _TOOLKIT_VARIABLES:
        if root := os.environ.get(variable):
            return root
    places = [Path(p, "nvidia") for p in sys.path]
    candidates = [path for place in places for path in sorted(place.glob("cu[0-9]*"), reverse=True)]
    for root in (*candidates, Path("/usr/local/cuda")):
        if (root / "bin" / "ptxas").exists():
            return str(root)
    return None


def _roots() -> Iterator[Path]:
    """Where ``bin`` and ``lib`` may be: in the package, in a checkout's build."""
    package = Path(__file__).resolve().parent
    yield package
    yield package.parents[1] / "build"


def run(text: str, pipeline: str) -> Result:
    """Runs the approx-act pipeline on a module.

    Args:
      text: the module in MLIR's generic form, with locations.
      pipeline: the options of the pipeline, such as ``"bits=4"``.

    Returns:
      The rewritten module and the remarks.

    Raises:
      ApproxActError: the compiler was not found or refused the program.
    """
    flags = [
        f"--approx-act-pipeline={pipeline}",
        "--mlir-print-op-generic",
        "--mlir-print-debuginfo",
    ]
    output, _, remarks = _run(text, flags)
    return Result(output.decode("utf-8"), remarks)


def lower(text: str, pipeline: str) -> Lowered:
    """Lowers a module to kernels, with ``--approx-act-to-gpu``.

    Args:
      text: the module in linalg on tensors, in generic form, with locations.
      pipeline: the options of the pipeline, such as ``"format=llvm"``.

    Raises:
      ApproxActError: the compiler was not found or cannot lower the program.
    """
    flags = [f"--approx-act-to-gpu={pipeline} print-plan=true", "--emit-bytecode"]
    # MLIR links the libdevice of the toolkit that the environment names, parts of
    # which only a GPU runs.
    is_for_cpu = "format=llvm" in pipeline.split()
    environment = {
        name: value
        for name, value in os.environ.items()
        if not (is_for_cpu and name in _TOOLKIT_VARIABLES)
    }
    module, messages, remarks = _run(text, flags, environment)
    plan = "".join(_PLAN.findall(messages))
    return Lowered(module, plan, parse_remarks(remarks))


def _run(
    text: str, flags: Sequence[str], environment: Mapping[str, str] | None = None
) -> tuple[bytes, str, str]:
    """Runs the compiler; returns its output, its messages, and its remarks as YAML."""
    tool = find_tool()
    with tempfile.TemporaryDirectory(prefix="approx-act-") as directory:
        remarks = Path(directory, "remarks.yaml")
        command = [
            tool,
            *flags,
            "--mlir-print-op-on-diagnostic=false",
            "--remark-format=yaml",
            f"--remarks-output-file={remarks}",
            "--remarks-filter=approx-act.*",
        ]
        try:
            process = subprocess.run(
                command, input=text.encode("utf-8"), capture_output=True, env=environment
            )
        except OSError as error:
            raise ApproxActError(f"cannot run {tool}: {error}") from error
        messages = process.stderr.decode("utf-8", errors="replace")
        if process.returncode != 0:
            raise _failure(tool, process.returncode, messages)
        remarks_text = remarks.read_text(encoding="utf-8") if remarks.exists() else ""
    return process.stdout, messages, remarks_text


def parse_diagnostics(text: str) -> list[Diagnostic]:
    """Returns the diagnostics found in what an MLIR tool wrote to stderr."""
    diagnostics = []
    for match in filter(None, map(_DIAGNOSTIC.match, text.splitlines())):
        unknown = match["file"] in ("<unknown>", "loc(unknown)")
        diagnostics.append(
            Diagnostic(
                match["severity"],
                match["message"],
                None if unknown else match["file"],
                0 if unknown else int(match["line"]),
                0 if unknown else int(match["column"] or 0),
            )
        )
    return diagnostics


def parse_remarks(text: str) -> tuple[Remark, ...]:
    """Returns the remarks in a YAML remarks file of LLVM."""
    return tuple(yaml.load_all(text, Loader=_remark_loader()))


@functools.cache
def _remark_loader() -> type:
    """Returns a safe YAML loader that knows the tags of LLVM's remarks."""

    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        pass

    def construct(loader: Any, kind: str, node: yaml.MappingNode) -> Remark:
        fields = loader.construct_mapping(node, deep=True)
        args: dict[str, Any] = {}
        for arg in fields.get("Args") or ():
            args.update(arg)
        return Remark(kind, fields["Name"], fields.get("Function", ""), args)

    Loader.add_multi_constructor("!", construct)
    return Loader


def _failure(tool: str, code: int, messages: str) -> ApproxActError:
    """Turns a failed run into the exception to raise."""
    if code < 0:
        message = f"{tool} was ended by signal {-code}"
    else:
        message = f"{os.path.basename(tool)} cannot compile this program"
    diagnostics = parse_diagnostics(messages)
    if not diagnostics and messages.strip():
        message += ":\n" + messages.strip()
    refuses = code > 0 and any(d.severity == "error" for d in diagnostics)
    return (RefusedError if refuses else ApproxActError)(message, diagnostics)
