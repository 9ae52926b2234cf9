#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Static figures of a training step as kernels: launches, memory, registers, instructions.

There is no GPU to measure time on, and no time is given. Registers, spills and
instructions are those of ptxas and nvdisasm, from the packages of requirements.txt;
instructions are those of the whole kernel, of which a thread goes through no loop.
"""

import argparse
import functools
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import jax

from approx_act import importer, tool
from export import mlp_shapes, resnet_shapes, stablehlo_text
from models import mlp, resnet

CHIPS = ("sm_75", "sm_80", "sm_86", "sm_89", "sm_90", "sm_100", "sm_120")


def sgd_text(model: str, depth: int, batch: int) -> str:
    """StableHLO of a step `(params, x, y) -> (loss, params)` with plain gradient descent."""
    if model == "mlp":
        step, shapes = mlp.step, mlp_shapes(batch)
    else:
        config = resnet.Config.of_depth(depth, 10)
        layer = functools.partial(resnet.exact_layer, norm=resnet.BATCH_NORMS["hand"])
        step, shapes = resnet.make_step(config, layer=layer), resnet_shapes(config, batch)

    def train(params, x, y):
        loss, gradients = step(params, x, y)
        return loss, jax.tree.map(lambda p, g: p - 0.1 * g, params, gradients)

    return stablehlo_text(train, *shapes)


def opt(text: str, *flags: str) -> tuple[str, str]:
    """Runs the compiler; returns its output and what it printed."""
    command = [tool.find_tool(), "-", "--mlir-print-op-generic", "--mlir-print-debuginfo", *flags]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    return done.stdout, done.stderr


def get_ptx(module: str) -> str:
    """The PTX in a module with a binary of format `isa`."""
    text = re.search(r'assembly = "((?:[^"\\]|\\.)*)"', module)
    if not text:
        text = re.search(r'"((?:[^"\\]|\\.)*\.version(?:[^"\\]|\\.)*)"', module)
    return re.sub(r"\\([0-9A-F]{2})", lambda m: chr(int(m[1], 16)), text[1]).rstrip("\0")


def assemble(ptx: str, chip: str, toolkit: pathlib.Path) -> dict[str, dict[str, int]]:
    """What ptxas and nvdisasm say of each kernel."""
    with tempfile.TemporaryDirectory() as folder:
        source, cubin = pathlib.Path(folder) / "k.ptx", pathlib.Path(folder) / "k.cubin"
        source.write_text(ptx)
        command = [toolkit / "bin/ptxas", "-v", f"--gpu-name={chip}", source, "-o", cubin]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"ptxas, {chip}: {done.stderr}")
        sass = subprocess.run(
            [toolkit / "bin/nvdisasm", "-c", cubin], capture_output=True, text=True, check=True
        ).stdout
    kernels: dict[str, dict[str, int]] = {}
    name = ""
    for line in done.stderr.splitlines():
        if found := re.search(r"Compiling entry function '(\S+)'", line):
            name = found[1]
        if found := re.search(r"(\d+) bytes stack frame, (\d+) bytes spill stores", line):
            kernels.setdefault(name, {}).update(stack=int(found[1]), spills=int(found[2]))
        if found := re.search(r"Used (\d+) registers", line):
            kernels.setdefault(name, {}).update(registers=int(found[1]))
    for section in re.split(r"(?=\.section\s+\.text\.)", sass):
        if found := re.match(r"\.section\s+\.text\.([^\s,]+)", section):
            lines = re.findall(r"/\*[0-9a-f]{4,}\*/\s+(.*?);", section)
            lines = [line for line in lines if not line.startswith(("NOP", "BRA `"))]
            wide = sum(".128" in line for line in lines)
            accesses = sum(bool(re.search(r"\b(LDG|STG)", line)) for line in lines)
            kernels.setdefault(found[1], {}).update(
                instructions=len(lines), accesses=accesses, wide=wide
            )
    return kernels


def main() -> None:
    """Command line; see --help."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", choices=["mlp", "resnet"], default="resnet")
    parser.add_argument("--depth", type=int, default=29, help="9n + 2 (default: %(default)s)")
    parser.add_argument("--batch", type=int, default=32, help="default: %(default)s")
    parser.add_argument("--bits", type=int, nargs="*", default=[0, 8, 4], help="0 is exact")
    parser.add_argument("--chips", nargs="*", default=CHIPS)
    parser.add_argument("--json", type=argparse.FileType("w"), help="write all figures")
    options = parser.parse_args()
    toolkit = pathlib.Path(os.environ.get("CUDA_ROOT") or sys.prefix) / ""
    if not (toolkit / "bin/ptxas").exists():
        found = list(pathlib.Path(sys.prefix).glob("lib/python*/site-packages/nvidia/cu13"))
        toolkit = found[0] if found else toolkit
    text = sgd_text(options.model, options.depth, options.batch)
    figures = {}
    for bits in options.bits:
        flags = [f"--approx-act-pipeline=bits={bits} target=approx_act"] if bits else []
        step = opt(text, *flags)[0] if bits else text
        linalg = importer.to_linalg(importer.load(step))
        module, plan = opt(linalg, "--approx-act-to-gpu=format=gpu print-plan")
        peak, bound = map(int, re.search(r"# peak (\d+) bytes, lower bound (\d+)", plan).groups())
        launches, functions = module.count('"gpu.launch_func"'), module.count('"gpu.func"')
        print(
            f"{options.model}, {bits or 32} bits: {launches} launches of {functions} kernels,"
            f" arena {peak / 1e6:.1f} MB, lower bound {bound / 1e6:.1f} MB"
        )
        figures[bits] = {"launches": launches, "kernels": functions, "peak": peak, "bound": bound}
        for chip in options.chips:
            module, _ = opt(linalg, f"--approx-act-to-gpu=format=isa chip={chip}")
            kernels = assemble(get_ptx(module), chip, toolkit)
            figures[bits][chip] = kernels
            spilled = [name for name, k in kernels.items() if k.get("spills") or k.get("stack")]
            print(f"  {chip}: {len(kernels)} kernels assembled, {len(spilled)} use local memory")
            for name, k in kernels.items():
                if name.startswith("save") and bits:
                    print(f"    {name}: {k}")
    if options.json:
        json.dump(figures, options.json, indent=1)


if __name__ == "__main__":
    main()
