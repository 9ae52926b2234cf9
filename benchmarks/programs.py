#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compares ways to keep the activations of the training steps that people have.

Every program is a whole step as its users write it, optimizer included, and returns
its gradients as well. Each is run in a process of its own. A row shows

  size      the sizes at which it is measured
  temp      memory_analysis().temp_size_in_bytes, of one device, with the state donated
            (results that are no arguments would serve as memory), of exact and with
            jax.checkpoint around each block, nothing_saveable and dots_saveable, each
            with the one of two XLA:CPU schedulers that takes less; of naive min/max
            quantization of what jax.vjp saves; and of approx_act, with
            approx_act.compiler_options() and nothing else
  bound     bytes that codes take at least where every op is done at once: what a
            minimum cut stores, all floats of it in K bits, and the largest operands and
            result of one contraction, convolution or reduction. What is done by ranges
            (approx-act-split-contractions, approx-act-split-examples) can take less.
  s/step    median of the ratios, in turns, to exact compiled with the scheduler with
            which it is fastest
  loss      relative difference from exact, on the first step
  gradient  relative L2 error and cosine against exact, all parameters as one vector,
            after a few steps of exact training
  trained   relative difference of the loss after as many steps of its own training
  covered   share of residual bytes that are eligible (float, not demanded exactly,
            not a statistic) and are not kept exact; and of all float bytes

and with --verbose what was left exact and why, largest first. Programs on many devices
are also held against approx_act on one device, and their collectives are counted.
"""

import argparse
import collections
import dataclasses
import functools
import json
import math
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import approx_act
import variants
from models import flax_resnet, recurrent, transformer, unet, unusual, vgg, vision
from models.training import Program, Way
from program_tables import failures, markdown, print_programs
from resnet import as_vector, machine, progress

DEVICES = 8
TIMEOUT_SECONDS = 1200

_BF16 = {"dtype": jnp.bfloat16}

PROGRAMS: dict[str, Callable[[bool], Program]] = {
    "resnet18": flax_resnet.sgd,
    "vgg": vgg.adam,
    "lm layernorm gelu": transformer.program,
    "lm rmsnorm swiglu": functools.partial(transformer.program, llama=True),
    "lm scan": functools.partial(transformer.program, scanned=True),
    "lm scan 12 layers": functools.partial(transformer.program, scanned=True, layers=12),
    "lm accumulate": functools.partial(transformer.accumulated, scanned=False),
    "lm scan accumulate": functools.partial(transformer.accumulated, scanned=True),
    "lstm": recurrent.lstm,
    "lstm 1000 steps": recurrent.plain_lstm,
    "gru": recurrent.gru,
    "unet": unet.denoise,
    "convnext": vision.convnext,
    "vit": vision.vit,
    "mixer": vision.mixer,
    "lm bf16": functools.partial(transformer.program, **_BF16),
    "vit bf16": functools.partial(vision.vit, **_BF16),
    "resnet18 f16 scaled": flax_resnet.loss_scaling,
    "per example": unusual.per_example,
    "several losses": unusual.several_losses,
    "loss last": unusual.loss_last,
    "checkpoint inside": transformer.checkpointed,
    "custom vjp": unusual.custom_derivative,
    "custom call": unusual.library_call,
    "callback": unusual.callback,
    "cond": unusual.branch,
    "while": unusual.loop,
    "while over activations": unusual.equilibrium,
    "resnet18 data parallel": flax_resnet.data_parallel,
    "lm data parallel": functools.partial(transformer.parallel, data=8, model=1),
    "lm tensor parallel": functools.partial(transformer.parallel, data=2, model=4),
}
_PARALLEL = re.compile("parallel$")

_SCHEDULERS = {
    "default": {},
    "memory": {"xla_cpu_scheduler_type": "CPU_SCHEDULER_TYPE_MEMORY_OPTIMIZED"},
}
_COLLECTIVE = re.compile(
    r" (all-reduce|all-gather|all-to-all|reduce-scatter|collective-permute)(?:-start)?\("
)


# --- Ways to train -------------------------------------------------------------------


@dataclasses.dataclass
class Compiled:
    """A compiled step.

    Attributes:
        run: the executable.
        scheduler: the key in `_SCHEDULERS`.
        seconds: elapsed time of tracing, lowering and compiling.
        warnings: what approx_act warned of.
    """

    run: Any
    scheduler: str
    seconds: float
    warnings: list[str]

    @property
    def temp_bytes(self) -> int:
        """Temporary memory of one call on one device."""
        return self.run.memory_analysis().temp_size_in_bytes


def compile_step(step: Callable, args: tuple, schedulers: list[str]) -> list[Compiled]:
    """The step, compiled with each of the schedulers."""
    start = time.perf_counter()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", approx_act.ApproxActWarning)
        lowered = jax.jit(step, donate_argnums=0).lower(*args)
    messages = [
        str(w.message) for w in caught if issubclass(w.category, approx_act.ApproxActWarning)
    ]
    results = []
    for name in schedulers:
        run = lowered.compile(approx_act.compiler_options() | _SCHEDULERS[name])
        results.append(Compiled(run, name, time.perf_counter() - start, messages))
        start = time.perf_counter()
    return results


def other_ways(program: Program, options: argparse.Namespace) -> dict[str, Way]:
    """The ways to train that approx_act is compared with, of those asked for."""
    policies = jax.checkpoint_policies
    ways = {}
    if program.has_blocks:
        ways["nothing_saveable"] = Way(policy=policies.nothing_saveable)
        ways["dots_saveable"] = Way(policy=policies.dots_saveable)
    for bits in options.bits:
        naive = functools.partial(variants.naive_value_and_grad, bits=bits)
        ways[f"naive {bits} bit"] = Way(naive)
    return {name: way for name, way in ways.items() if re.search(options.ways, name)}


# --- What is stored ------------------------------------------------------------------


def element_bits(type_text: str) -> int:
    """Bits of an element of a tensor type as MLIR writes it; 0 of what is no float."""
    element = re.split("[x<>]", type_text.rstrip(">"))[-1]
    return int(found[1]) if (found := re.fullmatch(r"b?f(\d+)\w*", element)) else 0


def is_eligible(row: approx_act.Residual) -> bool:
    """Whether a residual may be approximated: a float that nothing demands exactly."""
    return bool(element_bits(row.value)) and not row.reason.startswith(
        ("demanded exactly", "a statistic")
    )


def working_set(step: Callable, args: tuple) -> int:
    """Bytes of the largest operands and results of one op that works on whole values.

    Arguments are not counted: they live anyway. Elementwise ops are not either, since
    a compiler computes them where they are read.
    """
    from jaxlib.mlir import ir

    def size(value: Any) -> int:
        if not isinstance(value.type, ir.RankedTensorType) or not value.type.has_static_shape:
            return 0
        element = value.type.element_type
        bits = getattr(element, "width", 64)
        return math.prod(value.type.shape) * bits // 8

    def walk(op: Any) -> int:
        largest = 0
        for region in op.regions:
            for block in region:
                for inner in block:
                    inner = inner.operation
                    largest = max(largest, walk(inner))
                    if inner.name in whole:
                        operands = {
                            o for o in inner.operands if not isinstance(o, ir.BlockArgument)
                        }
                        values = [*operands, *inner.results]
                        largest = max(largest, sum(map(size, values)))
        return largest

    whole = {f"stablehlo.{name}" for name in ("dot_general", "convolution", "reduce")}
    return walk(jax.jit(step).lower(*args).compiler_ir("stablehlo").operation)


@dataclasses.dataclass
class Stored:
    """What approx_act keeps of a program at some bits.

    Attributes:
        bytes_before, bytes_after: of all residuals.
        bound: see the module's description, without the working set.
        eligible_share: of the eligible bytes, the share not kept exact.
        float_share: the same of all float bytes.
        unchanged: why the step was left as it was, or None.
        exact: what was kept exact: bytes, count, op, type, source and reason.
    """

    bytes_before: int
    bytes_after: int
    bound: int
    eligible_share: float
    float_share: float
    unchanged: str | None
    exact: list[dict[str, Any]]


def describe_storage(step: Callable, args: tuple, bits: int, forward: Any) -> Stored:
    """Asks the compiler."""
    rows = approx_act.residuals(step, *args, bits=bits, forward=forward)

    def share(rows: list[approx_act.Residual]) -> float:
        total = sum(r.bytes_before for r in rows)
        exact = sum(r.bytes_before for r in rows if r.stored == "exact")
        return 1 - exact / total if total else 1.0

    bound = 0
    groups: dict[tuple, list[int]] = collections.defaultdict(list)
    for row in rows:
        width = element_bits(row.value)
        if row.stored == "exact":
            groups[row.reason, row.op, row.value, row.source].append(row.bytes_after)
            bound += row.bytes_after * min(bits, width) // width if width else row.bytes_after
        else:
            bound += row.bytes_after
    exact = [
        {
            "bytes": sum(sizes),
            "count": len(sizes),
            "reason": reason,
            "op": op,
            "type": value,
            # Of the path, what says which file it is, wherever that is installed.
            "source": "/".join(source.split("/")[-2:]),
        }
        for (reason, op, value, source), sizes in groups.items()
    ]
    return Stored(
        rows.bytes_before,
        rows.bytes_after,
        bound,
        share([r for r in rows if is_eligible(r)]),
        share([r for r in rows if element_bits(r.value)]),
        rows.unchanged,
        sorted(exact, key=lambda e: -e["bytes"]),
    )


# --- One program ---------------------------------------------------------------------


def compare(result: tuple, exact: tuple) -> dict[str, float]:
    """Errors of `(loss, gradients, state)` against the exact one."""
    a, b = as_vector(result[1]), as_vector(exact[1])
    norm = np.linalg.norm(b)
    return {
        "loss_error": abs(float(result[0]) - float(exact[0])) / abs(float(exact[0])),
        "gradient_error": float(np.linalg.norm(a - b) / norm),
        "gradient_cosine": float(a @ b / (np.linalg.norm(a) * norm)),
    }


def train(run: Callable, program: Program, state: Any, batches: list[tuple]) -> tuple[Any, float]:
    """The state after the batches, and the loss of the last."""
    loss = math.nan
    state = copied(state)
    for batch in batches:
        loss, _, state = program.read(run(state, *batch))
    return state, float(loss)


def copied(state: Any) -> Any:
    """A state to be donated."""
    return jax.tree.map(jnp.copy, state)


def called(run: Callable, program: Program, state: Any, batch: tuple) -> tuple:
    """Loss, gradients and state of one step, on the host; `state` stays."""
    return jax.device_get(program.read(run(copied(state), *batch)))


def time_steps(
    runs: dict[str, Callable], program: Program, state: Any, batch: tuple, repetitions: int
) -> dict[str, list[float]]:
    """Seconds of each call, in turns, each training a state of its own."""
    states = {}
    times: dict[str, list[float]] = {way: [] for way in runs}
    for repetition in range(repetitions + 1):
        for way, run in runs.items():
            before = jax.block_until_ready(states.get(way) or copied(state))
            start = time.perf_counter()
            result = jax.block_until_ready(run(before, *batch))
            if repetition:  # The first call is to warm up.
                times[way].append(time.perf_counter() - start)
            states[way] = program.read(result)[2]
    return times


def measure(name: str, options: argparse.Namespace) -> dict[str, Any]:
    """All figures of one program; what fails is an 'error' in its place."""
    program = PROGRAMS[name](options.small)
    keys = jax.random.split(jax.random.key(options.seed), 2 + options.steps)
    state = program.init(keys[0])
    first, *rest = (program.batch(k) for k in keys[1:])
    single = state, *first
    if program.place:
        first = program.place(state, first)[1]
        rest = [program.place(state, b)[1] for b in rest]
        state = program.place(state, ())[0]
    args = state, *first

    step = program.make_step(Way())
    figures: dict[str, Any] = {
        "size": program.size,
        "is_small": options.small,
        "devices": jax.device_count() if program.place else 1,
        "loss_tolerance": program.loss_tolerance,
        "ways": {},
        "storage": {},
    }
    compiled: dict[str, Compiled] = {}

    def attempt(way: str, action: Callable[[], list[Compiled]]) -> list[Compiled]:
        progress(f"{name}: compiling {way}")
        try:
            candidates = action()
        except Exception as error:  # Show the others' figures, and what went wrong.
            traceback.print_exc()
            figures["ways"][way] = {"error": f"{type(error).__name__}: {error}"[:500]}
            return []
        best = min(candidates, key=lambda c: c.temp_bytes)
        compiled[way] = best
        figures["ways"][way] = {
            "temp_bytes": best.temp_bytes,
            "scheduler": best.scheduler,
            "compile_seconds": best.seconds,
            "temp_bytes_by_scheduler": {c.scheduler: c.temp_bytes for c in candidates},
            "warnings": best.warnings,
            "collectives": collections.Counter(_COLLECTIVE.findall(best.run.as_text())),
        }
        return candidates

    exact = attempt("exact", lambda: compile_step(step, args, list(_SCHEDULERS)))
    for way, made in other_ways(program, options).items():
        # What naive quantization stores is in no block's hands but the compiler's.
        schedulers = list(_SCHEDULERS) if made.policy else ["default"]
        attempt(way, functools.partial(compile_step, program.make_step(made), args, schedulers))
    for bits in options.bits:
        approximate = approx_act.approximate(step, bits=bits, forward=program.forward)
        compiling = functools.partial(compile_step, approximate, args, ["default"])
        attempt(f"approx_act {bits} bit", compiling)
        progress(f"{name}: what is stored in {bits} bit")
        try:
            stored = describe_storage(step, args, bits, program.forward)
            figures["storage"][bits] = dataclasses.asdict(stored)
        except Exception as error:
            traceback.print_exc()
            figures["storage"][bits] = {"error": f"{type(error).__name__}: {error}"[:500]}
    figures["working_set"] = working_set(step, args)

    if len(exact) < len(_SCHEDULERS):
        return figures
    progress(f"{name}: training {len(rest)} steps")
    by_scheduler = {c.scheduler: c.run for c in exact}
    # Sums differ in rounding from scheduler to scheduler; all others are held against
    # exact as it is compiled for them.
    trained = train(by_scheduler["default"], program, state, rest)
    for way, c in compiled.items():
        row = figures["ways"][way]
        try:
            at_first, after = (
                compare(
                    called(c.run, program, s, first),
                    called(by_scheduler[c.scheduler], program, s, first),
                )
                for s in (state, trained[0])
            )
            loss = train(c.run, program, state, rest)[1]
        except Exception as error:
            traceback.print_exc()
            row["error"] = f"{type(error).__name__}: {error}"[:500]
            continue
        row |= {
            "initial": at_first,
            "trained": after,
            "own_training": abs(loss - trained[1]) / abs(trained[1]),
        }
        if program.place:
            row["output_shardings_kept"] = shardings_equal(c.run, by_scheduler[c.scheduler])

    if program.place:
        figures["one_device"] = {}
        for bits in options.bits:
            way = f"approx_act {bits} bit"
            if way not in compiled:
                continue
            step_alone = program.alone.make_step(Way())
            approximate = approx_act.approximate(step_alone, bits=bits, forward=program.forward)
            alone = compile_step(approximate, single, ["default"])[0]
            figures["one_device"][way] = {
                "temp_bytes_by_scheduler": {alone.scheduler: alone.temp_bytes},
                **compare(
                    called(compiled[way].run, program, state, first),
                    called(alone.run, program.alone, single[0], single[1:]),
                ),
            }
        alone = compile_step(program.alone.make_step(Way()), single, list(_SCHEDULERS))
        figures["one_device"]["exact"] = {
            "temp_bytes_by_scheduler": {c.scheduler: c.temp_bytes for c in alone}
        }

    progress(f"{name}: timing {options.repetitions} repetitions")
    runs = {f"exact, {c.scheduler}": c.run for c in exact}
    runs |= {
        way: c.run
        for way, c in compiled.items()
        if way != "exact" and "error" not in figures["ways"][way]
    }
    times = time_steps(runs, program, state, first, options.repetitions)
    medians = {way: statistics.median(t) for way, t in times.items()}
    base = min((f"exact, {c.scheduler}" for c in exact), key=medians.get)
    figures["fastest_exact"] = base
    for way in compiled:
        timed = f"exact, {compiled['exact'].scheduler}" if way == "exact" else way
        if timed not in times:
            continue
        ratios = [t / e for t, e in zip(times[timed], times[base], strict=True)]
        figures["ways"][way] |= {
            "seconds_per_step": medians[timed],
            "ratio_to_exact": statistics.median(ratios),
        }
    return figures


def shardings_equal(run: Any, exact: Any) -> bool:
    """Whether all results of two executables are divided among devices in the same way."""
    pairs = zip(
        jax.tree.leaves(run.output_shardings),
        jax.tree.leaves(exact.output_shardings),
        jax.tree.leaves(run.out_info),
        strict=True,
    )
    return all(a.is_equivalent_to(b, len(info.shape)) for a, b, info in pairs)


# --- The command line ----------------------------------------------------------------


def run_apart(name: str, options: argparse.Namespace) -> dict[str, Any]:
    """`measure` in a process of its own, where a crash ends nothing else."""
    environment = dict(os.environ)
    if _PARALLEL.search(name):
        flags = environment.get("XLA_FLAGS", "")
        environment["XLA_FLAGS"] = f"{flags} --xla_force_host_platform_device_count={DEVICES}"
    with tempfile.TemporaryDirectory() as directory:
        out = Path(directory, "figures.json")
        command = [sys.executable, __file__, *sys.argv[1:], "--run", name, "--json", str(out)]
        try:
            subprocess.run(command, env=environment, check=True, timeout=TIMEOUT_SECONDS)
        except subprocess.SubprocessError as error:
            return {"error": str(error)[-200:]}
        return json.loads(out.read_text(encoding="utf-8"))


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--only", default="", metavar="REGEX", help="programs, such as '^lm'")
    add("--ways", default="", metavar="REGEX", help="others than exact and approx_act")
    add("--list", action="store_true", help="print the names of the programs")
    add("--small", action="store_true", help="sizes that show that it works, and nothing else")
    add("--bits", type=int, nargs="+", choices=[8, 4, 2], default=[8, 4], help="default: 8 4")
    add("--steps", type=int, default=5, help="of training (default: %(default)s)")
    add("--repetitions", type=int, default=3, help="of timing (default: %(default)s)")
    add("--verbose", type=int, default=0, metavar="N", help="show the N largest values left exact")
    add("--seed", type=int, default=0, help="default: %(default)s")
    add("--json", type=Path, metavar="FILE", help="also write the figures here")
    add("--read", type=Path, metavar="FILE", help="print these figures instead of measuring")
    add("--markdown", action="store_true", help="print the table of docs/programs.md")
    add("--run", metavar="NAME", choices=PROGRAMS, help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    """Command line; see --help. Fails where a program does."""
    options = parse_arguments()
    if options.run:
        figures = measure(options.run, options)
        options.json.write_text(json.dumps(figures), encoding="utf-8")
        return
    names = [name for name in PROGRAMS if re.search(options.only, name)]
    if options.list:
        print("\n".join(names))
        return
    results = {}
    if options.read:
        before = json.loads(options.read.read_text(encoding="utf-8"))["programs"]
        results = {name: before[name] for name in names if name in before}
    for name in names if not options.read else ():
        results[name] = run_apart(name, options)
        if options.json:
            data = {"machine": machine(), "programs": results}
            options.json.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    measured = {name: r for name, r in results.items() if "ways" in r}
    if options.markdown:
        print(markdown(measured))
        return
    print_programs(measured, options.bits, options.verbose)
    wrong = [f"{name}: {r['error']}" for name, r in results.items() if "error" in r]
    wrong += [f"{name}: {line}" for name, r in measured.items() for line in failures(r)]
    print("\n" + ("\n".join(wrong) if wrong else "every program holds"))
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
