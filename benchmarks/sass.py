# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Registers, spills and instructions of kernels, as ptxas and nvdisasm say."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import re
import subprocess
import sys
import tempfile

LABEL = re.compile(r"^(\.L\w*):")
INSTRUCTION = re.compile(r"^\s+/\*[0-9a-f]{4,}\*/\s+(.*?)\s*;")
BRANCH = re.compile(r"\bBRA(?:\.\w+)*\s.*`\((\.L\w*)\)")
ACCESS = re.compile(r"\b(LDG|STG|LDL|STL|LDS|STS)\b([.\w]*)")


@dataclasses.dataclass
class Code:
    """Instructions that follow each other, without those that do nothing."""

    instructions: int
    accesses: list[int]  #: Bits of each access of global memory.
    stored: int  #: Bytes that a thread stores to global memory.
    local: int  #: Accesses of local memory.

    @staticmethod
    def of(lines: list[str]) -> Code:
        """Counts the instructions of a text, one a line."""
        lines = [line for line in lines if not line.startswith("NOP")]
        accesses, stored, local = [], 0, 0
        for kind, suffix in (found for line in lines for found in ACCESS.findall(line)[:1]):
            narrow = re.search(r"\.[US](8|16)\b", suffix)
            wide = re.search(r"\.(64|128|256)\b", suffix)
            bits = int(narrow[1]) if narrow else int(wide[1]) if wide else 32
            if kind in ("LDG", "STG"):
                accesses.append(bits)
                stored += bits // 8 if kind == "STG" else 0
            local += kind in ("LDL", "STL")
        return Code(len(lines), accesses, stored, local)

    @property
    def wide(self) -> float:
        """The share of bytes that accesses of 128 bits move."""
        return sum(b for b in self.accesses if b >= 128) / max(sum(self.accesses), 1)


@dataclasses.dataclass
class Kernel:
    """One kernel of a cubin."""

    registers: int = 0
    spills: int = 0
    stack: int = 0
    whole: Code = dataclasses.field(default_factory=lambda: Code.of([]))
    loop: Code | None = None  #: The longest loop without a loop in it.

    @property
    def bulk(self) -> Code:
        """What is executed for most elements."""
        return self.loop or self.whole


def find_toolkit() -> pathlib.Path:
    """The root of a toolkit with ptxas and nvdisasm: that of CUDA_ROOT, or of the packages."""
    toolkit = pathlib.Path(os.environ.get("CUDA_ROOT") or sys.prefix)
    if not (toolkit / "bin/nvdisasm").exists():
        found = list(pathlib.Path(sys.prefix).glob("lib/python*/site-packages/nvidia/cu13"))
        toolkit = found[0] if found else toolkit
    return toolkit


def get_ptx(module: str) -> str:
    """The PTX in a module with a binary of format `isa`."""
    text = re.search(r'assembly = "((?:[^"\\]|\\.)*)"', module)
    if not text:
        text = re.search(r'"((?:[^"\\]|\\.)*\.version(?:[^"\\]|\\.)*)"', module)
    return re.sub(r"\\([0-9A-F]{2})", lambda m: chr(int(m[1], 16)), text[1]).rstrip("\0")


def find_loop(lines: list[str]) -> Code | None:
    """The longest of the innermost loops of a function's text."""
    places: dict[str, int] = {}
    code: list[str] = []
    loops: list[tuple[int, int]] = []
    for line in lines:
        if found := LABEL.match(line):
            places[found[1]] = len(code)
        elif found := INSTRUCTION.match(line):
            code.append(found[1])
            branch = BRANCH.search(found[1])
            # A branch to itself is what comes after the end.
            if branch and places.get(branch[1], len(code)) < len(code) - 1:
                loops.append((places[branch[1]], len(code)))
    innermost = [
        (begin, end)
        for begin, end in loops
        if not any(o != (begin, end) and begin <= o[0] and o[1] <= end for o in loops)
    ]
    if not innermost:
        return None
    begin, end = max(innermost, key=lambda loop: loop[1] - loop[0])
    return Code.of(code[begin:end])


def disassemble(cubin: pathlib.Path, toolkit: pathlib.Path) -> dict[str, Kernel]:
    """The instructions of each kernel."""
    command = [toolkit / "bin/nvdisasm", "-c", cubin]
    sass = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    kernels = {}
    for section in re.split(r"(?=\.section\s+\.text\.)", sass):
        if found := re.match(r"\.section\s+\.text\.([^\s,]+)", section):
            lines = section.splitlines()
            code = [m[1] for line in lines if (m := INSTRUCTION.match(line))]
            # Behind the end is a branch to itself.
            code = [line for line in code if not line.startswith("BRA `")]
            kernels[found[1]] = Kernel(whole=Code.of(code), loop=find_loop(lines))
    return kernels


def add_resources(kernels: dict[str, Kernel], report: str) -> None:
    """Registers and memory, from what `ptxas -v` printed."""
    kernel = Kernel()
    for line in report.splitlines():
        if found := re.search(r"Compiling entry function '(\S+)'", line):
            kernel = kernels.setdefault(found[1], Kernel())
        if found := re.search(r"(\d+) bytes stack frame, (\d+) bytes spill stores", line):
            kernel.stack, kernel.spills = int(found[1]), int(found[2])
        if found := re.search(r"Used (\d+) registers", line):
            kernel.registers = int(found[1])


def assemble(ptx: str, chip: str, toolkit: pathlib.Path) -> dict[str, Kernel]:
    """What becomes of each kernel of a PTX module; exits where ptxas refuses it."""
    with tempfile.TemporaryDirectory() as folder:
        source, cubin = pathlib.Path(folder) / "k.ptx", pathlib.Path(folder) / "k.cubin"
        source.write_text(ptx)
        command = [toolkit / "bin/ptxas", "-v", f"--gpu-name={chip}", source, "-o", cubin]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"ptxas, {chip}: {done.stderr}")
        kernels = disassemble(cubin, toolkit)
    add_resources(kernels, done.stderr)
    return kernels


def compile_cuda(
    source: pathlib.Path, defines: dict[str, int], chip: str, toolkit: pathlib.Path
) -> dict[str, Kernel]:
    """What `nvcc -O3` makes of each kernel of a CUDA source."""
    with tempfile.TemporaryDirectory() as folder:
        cubin = pathlib.Path(folder) / "k.cubin"
        flags = [f"-D{name}={value}" for name, value in defines.items()]
        command = ["nvcc", "-O3", f"-arch={chip}", "-cubin", "-Xptxas", "-v", *flags, source]
        done = subprocess.run([*command, "-o", cubin], capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"nvcc, {chip}: {done.stderr}")
        kernels = disassemble(cubin, toolkit)
    add_resources(kernels, done.stderr)
    return kernels
