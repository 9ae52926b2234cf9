#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Static figures of a training step as kernels: launches, memory, registers, instructions.

There is no GPU to measure time on, and no time is given. Registers, spills and
instructions are those of ptxas and nvdisasm, from the packages of requirements.txt.
The kernels of one layer (layer.mlir) are compared with reference.cu, the same function
written by hand and compiled by `nvcc -O3` in the same run: instructions are those of
the loop over rows, by the elements that it stores.

With `--train`, the step is also run so many times, on the CPU in strict mode, and
compared with XLA's runs of the same rewritten program.
"""

import argparse
import ctypes
import dataclasses
import functools
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import jax
import numpy as np

import kernel_steps
import sass
from approx_act import importer, tool
from export import mlp_shapes, resnet_shapes, stablehlo_text
from models import mlp, resnet

CHIPS = ("sm_75", "sm_80", "sm_86", "sm_89", "sm_90", "sm_100", "sm_120")
#: Chips for which a layer's kernels are compared with the reference.
COMPARED = ("sm_75", "sm_80", "sm_90", "sm_100")
LAYER = pathlib.Path(__file__).with_name("layer.mlir")
#: The shape of the activation in layer.mlir.
SHAPE = {"IMAGES": 32, "HEIGHT": 32, "WIDTH": 32, "CHANNELS": 64}


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


def opt(text: str, *flags: str, generic: bool = True) -> tuple[str, str]:
    """Runs the compiler; returns its output and what it printed."""
    form = ["--mlir-print-op-generic", "--mlir-print-debuginfo"] if generic else []
    command = [tool.find_tool(), "-", *form, *flags]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    return done.stdout, done.stderr


def check_accesses(module: str, name: str, table: str, read: int, written: int) -> str:
    """Says what a kernel touches; exits unless that is `read` and `written` bytes, each once.

    What is loaded besides is parameters, as many bytes by each thread. `module` has the
    launch, `table` is what the runner has counted.
    """
    launch = rf"@({name}\w*) blocks in \(%c(\d+), .*?\) threads in \(%c(\d+),"
    kernel, blocks, threads = re.search(launch, module).groups()
    row = re.search(rf"^{kernel},1,.*,(\d+),(\d+)$", table, re.MULTILINE)
    loaded, stored = int(row[1]), int(row[2])
    parameters, rest = divmod(loaded - read, int(blocks) * int(threads))
    if stored != written or rest or not 0 < parameters <= 8 * 8 * 4:
        sys.exit(f"{kernel} loads {loaded} bytes and stores {stored}, of {read} and {written}")
    return f"{name}: loads {read} bytes and stores {written}, each once, and {parameters} a thread"


def compare_results(folder: pathlib.Path, source: pathlib.Path) -> None:
    """Raises unless what the reference computes is what the compiler's kernels do, bit for bit.

    Prints the bytes of memory that these touch.
    """
    library = folder / "reference.so"
    defines = [f"-D{name}={value}" for name, value in SHAPE.items()]
    flags = ["-x", "c++", "-O2", "-ffp-contract=off", "-shared", "-fPIC", *defines]
    subprocess.run([os.environ.get("CXX", "c++"), *flags, source, "-o", library], check=True)
    reference = ctypes.CDLL(str(library))
    shape, channels = tuple(SHAPE.values()), SHAPE["CHANNELS"]
    words = (*shape[:2], shape[2] // 2, channels)
    random = np.random.default_rng(0)

    def parameter(scale: float = 1.0, offset: float = 0.0) -> np.ndarray:
        return (random.standard_normal(channels) * scale + offset).astype(np.float32)

    x = random.standard_normal(shape).astype(np.float32)
    x.ravel()[:4] = np.nan, np.inf, -np.inf, 0
    mean, rstd, gamma, beta = parameter(), np.abs(parameter(0.1, 1)), parameter(), parameter()
    edge, below, above = parameter(), np.abs(parameter()), np.abs(parameter())
    below[1] = 0
    split = random.integers(-15, 16, channels).astype(np.int32)
    inverse = [np.divide(1, w, out=np.zeros_like(w), where=w > 0) for w in (below, above)]

    def call(name: str, inputs: list[np.ndarray], outputs: list[np.ndarray]) -> list[np.ndarray]:
        getattr(reference, name)(*(a.ctypes.data_as(ctypes.c_void_p) for a in (*inputs, *outputs)))
        return outputs

    def run(name: str, module: pathlib.Path, inputs: list[np.ndarray]) -> list[np.ndarray]:
        given, results = folder / "in.npz", folder / "out.npz"
        np.savez(given, *(a.reshape(1, 1, 1, -1) if a.ndim == 1 else a for a in inputs))
        runner = pathlib.Path(tool.find_tool()).with_name("approx-act-runner")
        flags = ["--strict", "--count-accesses", "--timings"]
        flags += [f"--entry={name}", f"--input={given}", f"--output={results}"]
        done = subprocess.run([runner, module, *flags], capture_output=True, text=True, check=True)
        tables[name] = done.stdout
        with np.load(results) as archive:
            return [archive[f"arr_{i}"] for i in range(len(archive.files))]

    tables: dict[str, str] = {}
    module = folder / "kernels.mlir"
    module.write_text(opt(LAYER.read_text(), "--approx-act-to-gpu=format=llvm")[0])
    grid = [edge, below, above, split]
    ours = run("save", module, [x, mean, rstd, gamma, beta, *grid])
    theirs = call(
        "save",
        [x, mean, rstd, gamma, beta, edge, *inverse, split],
        [np.empty(shape, np.float32), np.empty(words, np.int8)],
    )
    ours += run("restore", module, [ours[1], *grid, rstd, gamma, beta])
    theirs += call("restore", [theirs[1], *grid, rstd, gamma, beta], [np.empty(shape, np.float32)])
    launches, _ = opt(LAYER.read_text(), "--approx-act-to-gpu=format=gpu", generic=False)
    outside = x.nbytes, x.nbytes + theirs[1].nbytes
    print("  " + check_accesses(launches, "save", tables["save"], *outside))
    outside = theirs[1].nbytes, x.nbytes
    print("  " + check_accesses(launches, "restore", tables["restore"], *outside))
    # Restored values may differ by one rounding [S6].
    names = zip(("activation", "words"), ours, theirs, strict=False)
    wrong = [n for n, a, b in names if not np.array_equal(a, b, equal_nan=n == "activation")]
    if not np.allclose(ours[2], theirs[2], rtol=1e-5, atol=1e-5, equal_nan=True):
        wrong.append("restored")
    if wrong:
        sys.exit(f"the reference computes another function: {', '.join(wrong)}")


def compare_layer(chips: list[str], toolkit: pathlib.Path) -> dict:
    """Prints a layer's kernels beside the reference that nvcc compiles."""
    source = pathlib.Path(__file__).with_name("reference.cu")
    has_nvcc = shutil.which("nvcc") is not None
    print("save and restore kernels of a layer, " + " x ".join(map(str, SHAPE.values())))
    with tempfile.TemporaryDirectory() as folder:
        compare_results(pathlib.Path(folder), source)
    print("  the same results as the reference's")
    if chips and not has_nvcc:
        print("  nvcc was not found: nothing to compare with")
    figures: dict = {}
    for chip in chips:
        module, _ = opt(LAYER.read_text(), f"--approx-act-to-gpu=format=isa chip={chip}")
        ours = sass.assemble(sass.get_ptx(module), chip, toolkit)
        theirs = sass.compile_cuda(source, SHAPE, chip, toolkit) if has_nvcc else {}
        for name, per_element in (("save", 4.5), ("restore", 4.0)):
            kernels = {"approx-act": next(k for n, k in ours.items() if n.startswith(name))}
            if has_nvcc:
                kernels["nvcc"] = theirs[name]
            counts = {}
            for maker, kernel in kernels.items():
                bulk = kernel.bulk
                elements = bulk.stored / per_element
                counts[maker] = bulk.instructions / elements
                figures.setdefault(chip, {}).setdefault(name, {})[maker] = {
                    "per element": counts[maker],
                    "before the loop": kernel.whole.instructions - bulk.instructions,
                    "registers": kernel.registers,
                    "spills": kernel.spills,
                    "local": kernel.whole.local,
                    "accesses": bulk.accesses,
                }
                print(
                    f"  {chip} {name:8}{maker:11}{counts[maker]:6.2f} instructions an element"
                    f" ({bulk.instructions} for {elements:g}"
                    f"{'' if kernel.loop else ', no loop'}), {kernel.registers} registers,"
                    f" {kernel.spills} bytes spilled, {kernel.whole.local} local accesses,"
                    f" {bulk.wide:.0%} of bytes by 128 bits"
                )
            if has_nvcc:
                ratio = counts["approx-act"] / counts["nvcc"]
                figures[chip][name]["ratio"] = ratio
                print(f"  {chip} {name:8}ratio {ratio:.2f}")
    return figures


def measure_step(options: argparse.Namespace, toolkit: pathlib.Path) -> dict:
    """Prints the figures of all kernels of a training step."""
    text = sgd_text(options.model, options.depth, options.batch)
    figures: dict = {}
    for bits in options.bits:
        step, _ = opt(text, f"--approx-act-pipeline=bits={bits} target=approx_act")
        linalg = importer.to_linalg(importer.load(step))
        module, plan = opt(linalg, "--approx-act-to-gpu=format=gpu print-plan")
        peak, bound = map(int, re.search(r"# peak (\d+) bytes, lower bound (\d+)", plan).groups())
        launches, functions = module.count('"gpu.launch_func"'), module.count('"gpu.func"')
        calls = module.count('"approx_act.gemm"') + module.count('"approx_act.convolution"')
        print(
            f"{options.model}, {bits or 32} bits: {launches} launches of {functions} kernels,"
            f" {calls} calls of the runtime,"
            f" arena {peak / 1e6:.1f} MB, lower bound {bound / 1e6:.1f} MB"
        )
        figures[bits] = {
            "launches": launches,
            "calls": calls,
            "kernels": functions,
            "peak": peak,
            "bound": bound,
        }
        for chip in options.chips:
            module, _ = opt(linalg, f"--approx-act-to-gpu=format=isa chip={chip}")
            kernels = sass.assemble(sass.get_ptx(module), chip, toolkit)
            figures[bits][chip] = {n: dataclasses.asdict(k) for n, k in kernels.items()}
            spilled = [n for n, k in kernels.items() if k.spills or k.stack or k.whole.local]
            print(f"  {chip}: {len(kernels)} kernels assembled, {len(spilled)} use local memory")
            for name, kernel in kernels.items():
                if bits and name.startswith("save"):
                    bulk = kernel.bulk
                    print(
                        f"    {name}: {kernel.whole.instructions} instructions,"
                        f" {bulk.instructions if kernel.loop else 'none'} in its loop,"
                        f" {kernel.registers} registers, {bulk.wide:.0%} of bytes by 128 bits"
                    )
    return figures


def train(model: kernel_steps.Model, bits: int, steps: int) -> dict[str, float]:
    """Trains with kernels and with XLA, and prints by how much they differ."""
    codes = kernel_steps.rewrite(model, bits)
    actual = kernel_steps.train(kernel_steps.lower(codes), model, steps)
    expected = kernel_steps.train_reference(codes, model, steps)
    loss_error, parameter_error = kernel_steps.get_errors(actual, expected)
    figures = {
        "steps": steps,
        "loss": float(actual[0]),
        "loss_error": loss_error,
        "parameter_error": parameter_error,
    }
    print(
        f"  after {steps} steps loss {figures['loss']:.4f}; relative to XLA's run it differs by"
        f" {figures['loss_error']:.1e}, all parameters as a vector by"
        f" {figures['parameter_error']:.1e}"
    )
    if bits:
        figures["words"], figures["differing"] = kernel_steps.check_codes(codes, model)
        print(
            f"  first step: all {figures['words']} words of codes are those that XLA makes of the"
            f" same activations; {figures['differing']} differ from those of XLA's whole step"
        )
    return figures


def main() -> None:
    """Command line; see --help."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", choices=["mlp", "resnet"], default="resnet")
    parser.add_argument("--depth", type=int, default=29, help="9n + 2 (default: %(default)s)")
    parser.add_argument("--batch", type=int, default=32, help="default: %(default)s")
    parser.add_argument("--bits", type=int, nargs="*", default=[0, 8, 4], help="0 is exact")
    parser.add_argument("--chips", nargs="*", default=CHIPS)
    parser.add_argument("--parts", nargs="*", choices=["layer", "step"], default=["layer", "step"])
    parser.add_argument("--train", type=int, default=0, metavar="STEPS", help="run the step")
    parser.add_argument("--rate", type=float, default=0.001, help="with --train (default: 0.001)")
    parser.add_argument("--json", type=argparse.FileType("w"), help="write all figures")
    options = parser.parse_args()
    toolkit = sass.find_toolkit()
    figures: dict = {}
    if "layer" in options.parts:
        figures["layer"] = compare_layer([c for c in options.chips if c in COMPARED], toolkit)
    if "step" in options.parts:
        figures |= measure_step(options, toolkit)
    for bits in options.bits if options.train else []:
        model = kernel_steps.perceptron()
        if options.model == "resnet":
            model = kernel_steps.residual(options.depth, options.batch, 32, options.rate)
        print(f"{options.model}, {bits or 32} bits, trained:")
        figures[f"train {bits}"] = train(model, bits, options.train)
    if options.json:
        json.dump(figures, options.json, indent=1)


if __name__ == "__main__":
    main()
