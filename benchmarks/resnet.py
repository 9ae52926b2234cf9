#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compares ways to keep the activations of a bottleneck pre-activation ResNet.

Every variant is the same network on the same parameters and images (32x32, random
with a pattern per class), compiled with optimization barriers kept and, of several
sets of XLA:CPU options, the one with which its temporary memory is least. Exact is
shown a second time with the set with which it is fastest. Reported are

  temp      memory_analysis().temp_size_in_bytes of the compiled step
  s/step    median of interleaved repetitions; the ratio is the median of the ratios
            to the fastest exact step within each repetition
  loss      relative difference from exact
  gradient  relative L2 error and cosine against exact, all parameters as one vector
  masks     share of ReLU mask elements that the backward pass sees as exact does

each of the last three at several parameters: as initialised; after some steps of
training; and 'hostile', where batch norms have negative and zero scales and shifts up
to four times the scale.

With --depths, steps are compiled but not run: memory added per added block against
the stored bits of that block's normalised inputs, and the processor time approx-act-opt
takes alone against the number of ops and XLA's own for the exact step.
"""

import argparse
import dataclasses
import functools
import json
import os
import platform
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import export
import variants
from models import resnet
from variants import Variant

MB = 1e6

# XLA:CPU hands sums and contractions to a library, unless told not to. The library
# reads its operands from memory, so that they are written there in full.
_NO_LIBRARY = {"xla_cpu_experimental_ynn_fusion_type": ""}
_LEAST_MEMORY = {"xla_cpu_scheduler_type": "CPU_SCHEDULER_TYPE_MEMORY_OPTIMIZED"}
OPTION_SETS: dict[str, dict[str, str]] = {
    "default": {},
    "memory": _LEAST_MEMORY,
    "no library": _NO_LIBRARY,  # What approx_act.jit compiles with on the CPU.
    "no library, memory": _NO_LIBRARY | _LEAST_MEMORY,
}


@dataclasses.dataclass
class Compiled:
    """A compiled step and what compiling it cost.

    Attributes:
        run: the executable.
        option_set: the key in `OPTION_SETS`.
        lower_seconds: elapsed time of tracing and lowering.
        compile_seconds: elapsed time in XLA.
        compile_cpu_seconds: processor time in XLA, of all threads.
    """

    run: Any
    option_set: str
    lower_seconds: float
    compile_seconds: float
    compile_cpu_seconds: float

    @property
    def temp_bytes(self) -> int:
        """Temporary memory of one call, in bytes."""
        return self.run.memory_analysis().temp_size_in_bytes

    def figures(self) -> dict[str, Any]:
        """What is reported of it."""
        return {
            "temp_bytes": self.temp_bytes,
            "option_set": self.option_set,
            "lower_seconds": self.lower_seconds,
            "compile_seconds": self.compile_seconds,
            "compile_cpu_seconds": self.compile_cpu_seconds,
        }


@dataclasses.dataclass
class Accuracy:
    """A variant's results against exact at one setting of the parameters.

    Attributes:
        loss_error: relative difference of the loss.
        gradient_error: relative L2 error of all gradients as one vector.
        gradient_cosine: cosine of the same.
        mask_agreement: share of equal ReLU mask elements, None where not measured.
    """

    loss_error: float
    gradient_error: float
    gradient_cosine: float
    mask_agreement: float | None = None


def compile_each(jitted: Any, args: tuple, option_sets: Sequence[str]) -> list[Compiled]:
    """The step lowered once and compiled with each set of options, barriers kept."""
    start = time.perf_counter()
    lowered = jitted.lower(*args)
    lower_seconds = time.perf_counter() - start
    results = []
    for name in option_sets:
        start, cpu_start = time.perf_counter(), time.process_time()
        run = lowered.compile(variants.KEEP_BARRIERS | OPTION_SETS[name])
        elapsed, cpu = time.perf_counter() - start, time.process_time() - cpu_start
        results.append(Compiled(run, name, lower_seconds, elapsed, cpu))
    return results


def least_memory(compiled: Iterable[Compiled]) -> Compiled:
    """The one with the least temporary memory; the first of equals."""
    return min(compiled, key=lambda c: c.temp_bytes)


def seconds_per_step(
    steps: dict[str, Callable], args: tuple, repetitions: int
) -> dict[str, list[float]]:
    """Seconds of each call, one list entry per repetition, all steps interleaved."""
    times: dict[str, list[float]] = {name: [] for name in steps}
    for step in steps.values():
        jax.block_until_ready(step(*args))
    for _ in range(repetitions):
        for name, step in steps.items():
            start = time.perf_counter()
            jax.block_until_ready(step(*args))
            times[name].append(time.perf_counter() - start)
    return times


def as_vector(tree: Any) -> np.ndarray:
    """All leaves of `tree` as one f64 vector."""
    return np.concatenate([np.ravel(a).astype(np.float64) for a in jax.tree.leaves(tree)])


def compare(result: tuple, exact: tuple) -> Accuracy:
    """Accuracy of `(loss, grads)` against the exact one."""
    a, b = as_vector(result[1]), as_vector(exact[1])
    norm = np.linalg.norm(b)
    return Accuracy(
        loss_error=abs(float(result[0]) - float(exact[0])) / abs(float(exact[0])),
        gradient_error=float(np.linalg.norm(a - b) / norm),
        gradient_cosine=float(a @ b / (np.linalg.norm(a) * norm)),
    )


def relu_masks(step: Callable, probes: list, params: Any, x: Any, y: Any) -> list[np.ndarray]:
    """The ReLU masks that the backward pass of a `variants.probing_step` works with.

    An element is on where the cotangent before the ReLU is not zero, for the labels or
    for others: among millions of cotangents some are zero because a sum cancels.
    """
    first, second = (
        jax.device_get(step(probes, params, x, labels)[1]) for labels in (y, jnp.roll(y, 1))
    )
    return [(a != 0) | (b != 0) for a, b in zip(first, second, strict=True)]


def agreement(masks: list[np.ndarray], exact: list[np.ndarray]) -> float:
    """Share of equal elements."""
    equal = sum(int((a == b).sum()) for a, b in zip(masks, exact, strict=True))
    return equal / sum(m.size for m in exact)


def train(step: Callable, params: Any, batches: Iterable, rate: float = 0.05) -> Any:
    """Parameters after gradient descent with momentum over `batches`."""
    velocity = jax.tree.map(jnp.zeros_like, params)
    update = jax.jit(resnet.sgd)
    for x, y in batches:
        _, grads = step(params, x, y)
        params, velocity = update(params, velocity, grads, rate)
    return params


def make_hostile(params: Any, key: jax.Array) -> Any:
    """`params` with batch norms that are hard to keep the signs of.

    Of the channels, a tenth has scale 0, about half a negative scale, and the ratio of
    shift to scale is -4, 4 or anything between.
    """

    def norm(p: dict, key: jax.Array) -> dict:
        keys = jax.random.split(key, 4)
        shape = p["scale"].shape
        scale = jax.random.normal(keys[0], shape)
        ratio = jax.random.uniform(keys[1], shape, minval=-6.0, maxval=6.0).clip(-4, 4)
        dead = jax.random.bernoulli(keys[2], 0.1, shape)
        shift = jnp.where(dead, jax.random.normal(keys[3], shape), scale * ratio)
        return {**p, "scale": jnp.where(dead, 0.0, scale), "shift": shift}

    def is_norm(node: Any) -> bool:
        return isinstance(node, dict) and "scale" in node

    nodes, tree = jax.tree.flatten(params, is_leaf=is_norm)
    keys = jax.random.split(key, len(nodes))
    return jax.tree.unflatten(
        tree, [norm(n, k) if is_norm(n) else n for n, k in zip(nodes, keys, strict=True)]
    )


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Text with aligned columns, the first to the left and the others to the right."""
    rows = [header, *rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if index else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def progress(text: str) -> None:
    """Says on stderr what is going on."""
    print(text, file=sys.stderr, flush=True)


def all_variants(config: resnet.Config, options: argparse.Namespace) -> list[Variant]:
    """The variants asked for, exact first; says which are not available."""
    norm = resnet.BATCH_NORMS[options.norm]
    chosen = variants.peers(config, tuple(options.bits), options.sigma, norm)
    try:
        chosen += variants.compiled_by_approx_act(config, tuple(options.bits), norm)
    except ImportError as error:
        progress(f"skipped: approx_act ({error})")
    return [v for v in chosen if v.name == "exact" or re.search(options.only, v.name)]


def machine() -> dict[str, Any]:
    """What the figures depend on besides the program."""
    return {
        "jax": jax.__version__,
        "processors": os.cpu_count(),
        "machine": platform.machine(),
        "platform": jax.default_backend(),
    }


# --- One depth, run ------------------------------------------------------------------


def compare_variants(options: argparse.Namespace) -> dict[str, Any]:
    """Compiles and runs every variant at one depth; returns the figures."""
    config = resnet.Config.of_depth(options.depth, options.classes)
    keys = jax.random.split(jax.random.key(options.seed), 3 + options.steps)
    params = resnet.init(keys[0], config)
    batch = functools.partial(resnet.random_batch, batch=options.batch, config=config)
    x, y = batch(keys[1])

    exact: list[Compiled] = []
    compiled: dict[str, Compiled] = {}
    tried: dict[str, list[dict[str, Any]]] = {}
    probing: dict[str, Any] = {}
    for variant in all_variants(config, options):
        progress(f"compiling {variant.name}")
        try:
            candidates = compile_each(variant.jitted, (params, x, y), options.option_sets)
        except Exception as error:  # Show the others' figures, and what went wrong.
            if variant.name == "exact":
                raise
            progress(f"skipped: {variant.name}: {error}")
            continue
        if variant.name == "exact":
            exact = candidates
        compiled[variant.name] = least_memory(candidates)
        tried[variant.name] = [c.figures() for c in candidates]
        if variant.probing and not options.no_masks:
            probing[variant.name] = variant.probing

    progress(f"training {options.steps} steps")
    trained = train(exact[0].run, params, (batch(k) for k in keys[3:]))
    points = {
        "initial": params,
        "trained": trained,
        "hostile": make_hostile(trained, keys[2]),
    }
    accuracy: dict[str, dict[str, Accuracy]] = {name: {} for name in compiled}
    for point, p in points.items():
        progress(f"comparing at {point} parameters")
        # Sums differ in rounding from set to set, as much as 8 bits make the gradient
        # differ; so each variant is held against exact compiled as it is.
        references = {c.option_set: jax.device_get(c.run(p, x, y)) for c in exact}
        for name, c in compiled.items():
            result = jax.device_get(c.run(p, x, y))
            accuracy[name][point] = compare(result, references[c.option_set])
        if not probing:
            continue
        probes = [jnp.zeros(s.shape, s.dtype) for s in variants.probe_shapes(p, x, y, config)]
        expected = None
        for name, step in probing.items():
            masks = relu_masks(step, probes, p, x, y)
            expected = expected or masks
            accuracy[name][point].mask_agreement = agreement(masks, expected)

    progress(f"timing {options.repetitions} repetitions")
    others = {name: c.run for name, c in compiled.items() if name != "exact"}
    exact_names = {c.option_set: f"exact, {c.option_set}" for c in exact}
    times = seconds_per_step(
        {exact_names[c.option_set]: c.run for c in exact} | others,
        (trained, x, y),
        options.repetitions,
    )
    medians = {name: statistics.median(t) for name, t in times.items()}
    fastest = min(exact, key=lambda c: medians[exact_names[c.option_set]])
    base = exact_names[fastest.option_set]

    def timing(name: str) -> dict[str, float]:
        ratios = [t / e for t, e in zip(times[name], times[base], strict=True)]
        return {"seconds_per_step": medians[name], "ratio_to_exact": statistics.median(ratios)}

    results = {}
    for name, c in compiled.items():
        timed = exact_names[c.option_set] if name == "exact" else name
        results[name] = {
            **c.figures(),
            **timing(timed),
            "accuracy": {k: dataclasses.asdict(a) for k, a in accuracy[name].items()},
        }
    return {
        "depth": options.depth,
        "batch": options.batch,
        "norm": options.norm,
        "fastest_exact": {**fastest.figures(), **timing(base)},
        "variants": results,
        "tried": tried,
    }


def print_comparison(figures: dict[str, Any]) -> None:
    """Prints the tables of `compare_variants`."""
    results = figures["variants"]
    rows = {"exact, fastest": figures["fastest_exact"]} | results
    print(
        f"ResNet-{figures['depth']}, batch {figures['batch']}, "
        f"batch norm: {figures['norm']}; each with its least temporary memory"
    )
    print(
        table(
            ["", "temp MB", "options", "s/step", "ratio", "lower s", "compile s"],
            (
                [
                    name,
                    f"{r['temp_bytes'] / MB:.1f}",
                    r["option_set"],
                    f"{r['seconds_per_step']:.3f}",
                    f"{r['ratio_to_exact']:.2f}",
                    f"{r['lower_seconds']:.1f}",
                    f"{r['compile_seconds']:.1f}",
                ]
                for name, r in rows.items()
            ),
        )
    )
    print("\ntemp MB with each set of options")
    sets = [c["option_set"] for c in figures["tried"]["exact"]]
    print(
        table(
            ["", *sets],
            (
                [name, *(f"{c['temp_bytes'] / MB:.1f}" for c in tried)]
                for name, tried in figures["tried"].items()
            ),
        )
    )
    for point in results["exact"]["accuracy"]:
        print(f"\nat {point} parameters, against exact")
        rows = []
        for name, r in results.items():
            a = r["accuracy"][point]
            masks = a["mask_agreement"]
            rows.append(
                [
                    name,
                    f"{a['loss_error']:.1e}",
                    f"{a['gradient_error']:.5f}",
                    f"{a['gradient_cosine']:.6f}",
                    "-" if masks is None else f"{100 * masks:.6f} %",
                ]
            )
        print(table(["", "loss", "gradient", "cosine", "masks"], rows))


# --- Many depths, compiled only ------------------------------------------------------


def stored_bytes_per_block(config: resnet.Config, batch: int, bits: int, size: int = 32) -> float:
    """Bytes of the normalised inputs of one more block in every stage, at `bits` each."""
    total = 0.0
    for stage in range(len(config.widths)):
        pixels = batch * (size >> stage) ** 2
        channels = sum(inputs for _, inputs, _, _ in config.convolutions(stage, 1))
        total += pixels * channels * bits / 8
    return total


def count_ops(text: str) -> int:
    """Number of operations in a module in MLIR's generic form."""
    return len(re.findall(r'"\w+\.\w+"\(', text))


def tool_cpu_seconds(text: str, bits: int, repetitions: int = 3) -> float | None:
    """Median processor time of approx-act-opt for a module; None where there is no tool."""
    try:
        from approx_act.tool import find_tool
    except ImportError:
        return None
    with tempfile.TemporaryDirectory() as directory:
        source = Path(directory, "step.mlir")
        source.write_text(text, encoding="utf-8")
        command = [
            find_tool(),
            f"--approx-act-pipeline=bits={bits} target=stablehlo",
            "--mlir-print-op-generic",
            source,
            "-o",
            Path(directory, "out.mlir"),
        ]
        times = []
        for _ in range(repetitions):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run(command, check=True)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return statistics.median(times)


def compare_depths(options: argparse.Namespace) -> dict[str, Any]:
    """Compiles the variants asked for at every depth; returns the figures."""
    figures = []
    for depth in options.depths:
        config = resnet.Config.of_depth(depth, options.classes)
        args = export.resnet_shapes(config, options.batch)
        progress(f"ResNet-{depth}: exporting")
        layer = functools.partial(resnet.exact_layer, norm=resnet.BATCH_NORMS[options.norm])
        step = resnet.make_step(config, layer=layer)
        text = export.stablehlo_text(step, *args)
        figure: dict[str, Any] = {"depth": depth, "ops": count_ops(text), "variants": {}}
        try:
            figure["tool_cpu_seconds"] = tool_cpu_seconds(text, min(options.bits))
        except Exception as error:  # The peers' figures are still worth having.
            progress(f"skipped: approx-act-opt: {error}")
            figure["tool_cpu_seconds"] = None
        for variant in all_variants(config, options):
            progress(f"ResNet-{depth}: compiling {variant.name}")
            try:
                candidates = compile_each(variant.jitted, args, options.option_sets)
            except Exception as error:
                progress(f"skipped: {variant.name}: {error}")
                continue
            figure["variants"][variant.name] = {
                **least_memory(candidates).figures(),
                "least_compile_cpu_seconds": min(c.compile_cpu_seconds for c in candidates),
                "tried": [c.figures() for c in candidates],
            }
        figures.append(figure)
    return {"batch": options.batch, "depths": figures}


def print_depths(figures: dict[str, Any], classes: int) -> None:
    """Prints the tables of `compare_depths`."""
    depths = figures["depths"]
    print("approx-act-opt alone, processor time")
    rows = []
    for f in depths:
        tool = f["tool_cpu_seconds"]
        xla = f["variants"]["exact"]["least_compile_cpu_seconds"]
        timed = tool is not None
        rows.append(
            [
                f"ResNet-{f['depth']}",
                str(f["ops"]),
                f"{tool:.2f}" if timed else "-",
                f"{1e6 * tool / f['ops']:.1f}" if timed else "-",
                f"{xla:.1f}",
                f"{100 * tool / xla:.1f} %" if timed else "-",
            ]
        )
    print(table(["", "ops", "s", "us/op", "XLA, exact, s", "share"], rows))
    print(f"\ntemp memory, batch {figures['batch']}; an added block is one in every stage")
    rows = []
    for name in depths[0]["variants"]:
        bits = int(digits[0]) if (digits := re.findall(r"(\d+) bit", name)) else 32
        previous = None
        for f in depths:
            if name not in f["variants"]:
                continue
            v = f["variants"][name]
            added = ideal = share = "-"
            if previous:
                config = resnet.Config.of_depth(f["depth"], classes)
                blocks = (f["depth"] - previous[0]) / 9
                per_block = (v["temp_bytes"] - previous[1]) / blocks
                stored = stored_bytes_per_block(config, figures["batch"], bits)
                added, ideal = f"{per_block / MB:.3f}", f"{stored / MB:.3f}"
                share = f"{per_block / stored:.3f}"
            rows.append(
                [
                    f"{name}, ResNet-{f['depth']}",
                    f"{v['temp_bytes'] / MB:.1f}",
                    v["option_set"],
                    added,
                    ideal,
                    share,
                    f"{v['lower_seconds']:.1f}",
                    f"{v['compile_seconds']:.1f}",
                ]
            )
            previous = f["depth"], v["temp_bytes"]
    header = [
        "",
        "temp MB",
        "options",
        "MB/block added",
        "stored bits",
        "ratio",
        "lower s",
        "compile s",
    ]
    print(table(header, rows))


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--depth", type=int, default=56, help="9n + 2 (default: %(default)s)")
    add(
        "--depths",
        type=int,
        nargs="+",
        metavar="DEPTH",
        help="compile only, at these depths, such as 164 326 1001",
    )
    add("--batch", type=int, default=32, help="default: %(default)s")
    add("--classes", type=int, default=10, help="default: %(default)s")
    add(
        "--bits",
        type=int,
        nargs="+",
        choices=[8, 4, 2],
        default=[8, 4],
        help="widths of stored activations (default: 8 4)",
    )
    add(
        "--sigma",
        type=float,
        default=3.0,
        help="half width of the hand-written layer's grid (default: the paper's %(default)s)",
    )
    add(
        "--only",
        default="",
        metavar="REGEX",
        help="variants to compare with exact, such as 'paper|approx_act'",
    )
    add(
        "--option-sets",
        nargs="+",
        choices=OPTION_SETS,
        metavar="SET",
        help=f"of XLA options to try, of {', '.join(map(repr, OPTION_SETS))} (default: all, "
        "with --depths 'default' and 'no library')",
    )
    add(
        "--norm",
        choices=resnet.BATCH_NORMS,
        default="hand",
        help="how batch norm writes its variance: centred, or as flax (default: %(default)s)",
    )
    add("--steps", type=int, default=20, help="of training (default: %(default)s)")
    add("--repetitions", type=int, default=5, help="of timing (default: %(default)s)")
    add("--no-masks", action="store_true", help="do not compare ReLU masks")
    add("--seed", type=int, default=0, help="default: %(default)s")
    add("--json", type=Path, metavar="FILE", help="also write the figures here")
    options = parser.parse_args()
    if not options.option_sets:
        options.option_sets = ["default", "no library"] if options.depths else list(OPTION_SETS)
    return options


def main() -> None:
    """Command line; see --help."""
    options = parse_arguments()
    if options.depths:
        figures = compare_depths(options)
        print_depths(figures, options.classes)
    else:
        figures = compare_variants(options)
        print_comparison(figures)
    if options.json:
        figures = {"machine": machine(), "options": vars(options) | {"json": None}} | figures
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
