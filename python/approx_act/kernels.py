# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""``compile``: a training step as kernels of the project's own."""

from __future__ import annotations

import csv
import dataclasses
import functools
import os
import re
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from approx_act import _arrays, _dlpack, _library, _primitive, importer, tool
from approx_act.api import Approximation
from approx_act.report import ResidualTable, format_bytes, table

_CHIP = re.compile(r"sm_\w+")


@dataclasses.dataclass(frozen=True)
class PlannedBuffer:
    """A buffer between kernels, in the arena of a step.

    Attributes:
      type: its type, such as ``memref<32x32x32x16xf32>``.
      bytes: its size.
      offset: where it lies in the arena, in bytes.
      first, last: the first and the last operation that uses it, in the order in
        which they run.
    """

    type: str
    bytes: int
    offset: int
    first: int
    last: int


@dataclasses.dataclass(frozen=True)
class KernelReport:
    """What a step became.

    Attributes:
      target: what it is compiled for, as given to :func:`compile`.
      launches: how often a step launches each kernel, by the kernels' names, in
        the order of their first launches. A loop whose length depends on data counts
        as one step, and of a choice every branch.
      calls: how often it calls each of the runtime's contractions, by the names of
        the functions.
      buffers: the buffers of the arena, which a step allocates and frees.
      arena_bytes: size of the arena.
      lower_bound_bytes: the greatest sum of sizes of buffers that live at a time.
      argument_bytes, result_bytes: sizes of the arrays of the step.
      remarks: the decisions of the compiler, in order.
    """

    target: str | tuple[str, ...]
    launches: Mapping[str, int]
    calls: Mapping[str, int]
    buffers: tuple[PlannedBuffer, ...]
    arena_bytes: int
    lower_bound_bytes: int
    argument_bytes: int
    result_bytes: int
    remarks: tuple[tool.Remark, ...]

    @property
    def kernels(self) -> tuple[str, ...]:
        """The names of the kernels."""
        return tuple(self.launches)

    def to_dict(self) -> dict[str, Any]:
        """Returns the report as plain data, ready for ``json.dumps``."""
        plain = {"launches": dict(self.launches), "calls": dict(self.calls)}
        for key in ("buffers", "remarks"):
            plain[key] = [dataclasses.asdict(item) for item in getattr(self, key)]
        return {**vars(self), **plain}

    def __str__(self) -> str:
        target = self.target if isinstance(self.target, str) else ", ".join(self.target)
        return (
            f"{sum(self.launches.values())} launches of {len(self.launches)} kernels and "
            f"{sum(self.calls.values())} calls of contractions for {target}; "
            f"arena {format_bytes(self.arena_bytes)} "
            f"(lower bound {format_bytes(self.lower_bound_bytes)}), "
            f"arguments {format_bytes(self.argument_bytes)}, "
            f"results {format_bytes(self.result_bytes)}"
        )


@dataclasses.dataclass(frozen=True)
class KernelTime:
    """All launches of a kernel in a run, or all calls of a contraction.

    Attributes:
      name: the kernel, or the contraction with its sizes.
      launches: how many there were.
      microseconds: time in the kernel, without compilation.
      compile_microseconds: time in which the CPU compiled it for itself.
      bytes_loaded, bytes_stored: bytes of global memory; zero if they are not
        counted (``runtime_options=["count-accesses"]``).
    """

    name: str
    launches: int
    microseconds: float
    compile_microseconds: float
    bytes_loaded: int
    bytes_stored: int


@dataclasses.dataclass(frozen=True)
class RunStatistics:
    """What is known of a run.

    Attributes:
      microseconds: time of the whole, until results were there.
      peak_bytes: the most memory on the device at a time, arguments and results
        included, and what contractions need beside, but for what oneDNN has itself.
      kernels: times of kernels; empty if they were not asked for
        (``timings=True``).
    """

    microseconds: float
    peak_bytes: int
    kernels: tuple[KernelTime, ...]


class CompiledStep:
    """A training step for arguments of certain shapes; made by :func:`compile`.

    Call it as the step itself, without static arguments.  Arguments are arrays
    of JAX, NumPy, or any library that speaks DLPack, and numbers; those that are
    on the device already, contiguous and aligned to 16 bytes, are read where they
    are.  Results are ``jax.Array`` on the device, or :class:`DeviceArray` where JAX
    cannot use it.

    Attributes:
      residuals: what is kept for the backward pass, or ``None`` where the step was
        compiled as it is.
      module: the lowered module, MLIR's bytecode, which ``approx-act-runner`` runs.
    """

    def __init__(
        self,
        arguments: Sequence[_arrays.Argument],
        constants: Sequence[np.ndarray],
        in_tree: jax.tree_util.PyTreeDef,
        results: Sequence[jax.core.ShapedArray],
        out_tree: jax.tree_util.PyTreeDef,
        residuals: ResidualTable | None,
        lowered: tool.Lowered,
        remarks: Sequence[tool.Remark],
        target: str | tuple[str, ...],
        options: Sequence[str],
        name: str,
    ):
        self.residuals = residuals
        self.module = lowered.module
        self.__name__ = name
        self._arguments = arguments
        self._constants = constants
        self._in_tree = in_tree
        self._results = results
        self._out_tree = out_tree
        self._lowered = lowered
        self._remarks = (*remarks, *lowered.remarks)
        self._target = target
        self._on_host = target == "cpu"
        self._program = _library.Program(lowered.module, options)
        self._strict = self._program.strict
        self._statistics: RunStatistics | None = None

    @functools.cached_property
    def report(self) -> KernelReport:
        """What the step became: kernels, memory, decisions."""
        buffers = tuple(
            PlannedBuffer(
                row["type"], *(int(row[key]) for key in ("bytes", "offset", "first", "last"))
            )
            for row in csv.DictReader(self._lowered.plan.splitlines())
        )
        (plan,) = (r for r in self._lowered.remarks if r.name == "memory-plan")
        return KernelReport(
            self._target,
            types.MappingProxyType(self._program.launches),
            types.MappingProxyType(self._program.calls),
            buffers,
            int(plan.args["peak_bytes"]),
            int(plan.args["lower_bound_bytes"]),
            sum(p.bytes for p in self._program.arguments),
            sum(p.bytes for p in self._program.results),
            self._remarks,
        )

    @property
    def statistics(self) -> RunStatistics:
        """Time and memory of the last run.

        Raises:
          ValueError: the step has not run.
        """
        if self._statistics is None:
            raise ValueError(f"{self.__name__} has not run")
        return self._statistics

    def write_trace(self, path: str | os.PathLike[str]) -> None:
        """Writes a trace of the last run, for chrome://tracing or Perfetto.

        Without ``timings=True`` it is empty.

        Raises:
          ApproxActError: the file cannot be written.
        """
        self._program.write_trace(path)

    @functools.cached_property
    def _placed_constants(self) -> list[_arrays.Placed]:
        """The arrays that the step captures, on the device for good."""
        return [self._place(value) for value in self._constants]

    def _place(self, value: Any) -> _arrays.Placed:
        return _arrays.place(value, self._program, on_host=self._on_host, strict=self._strict)

    def __repr__(self) -> str:
        return f"<{self.__name__}, compiled by approx_act: {self.report}>"

    def __call__(self, *args, **kwargs):
        """Runs the step.

        Raises:
          TypeError: the structure of the arguments, or the type or the shape of
            one, is not what the step was compiled for.
          ApproxActError: the device is not there, is out of memory, or finds an
            error.
        """
        leaves, tree = jax.tree.flatten((args, kwargs))
        if tree != self._in_tree:
            raise TypeError(
                f"{self.__name__} was compiled for arguments of the structure "
                f"{self._in_tree}, and called with {tree}"
            )
        device = _dlpack.CPU if self._on_host else _dlpack.CUDA
        checked = [a.check(x, device) for a, x in zip(self._arguments, leaves, strict=True)]
        arguments = [self._place(value) for value in checked]
        inputs = [*self._placed_constants, *arguments]
        outputs = [self._program.allocate(p.bytes) for p in self._program.results]
        found = self._program.run([x.pointer for x in (*inputs, *outputs)])
        self._statistics = _statistics(found, inputs)
        results = [
            _arrays.DeviceArray(self._program, memory, index, _arrays.physical(aval), self._on_host)
            for index, (memory, aval) in enumerate(zip(outputs, self._results, strict=True))
        ]
        if self._strict:
            # The memory of the device traps when others touch it.
            found = [result.to_jax(copy=True) for result in results]
            for x in (*arguments, *outputs):
                x.release()
        else:
            found = [result.to_jax() for result in results]
        return jax.tree.unflatten(self._out_tree, map(_arrays.logical, found, self._results))


def compile(
    fun: Callable[..., Any],
    /,
    *args,
    target: str | Sequence[str] = "cpu",
    toolkit: str | None = None,
    checks: bool = False,
    timings: bool = False,
    runtime_options: Sequence[str] = (),
    **kwargs,
) -> CompiledStep:
    """Compiles a training step to kernels of the project's own, without XLA.

    The step is rewritten as by :func:`approx_act.jit`, lowered through linalg to
    kernels and a host program that launches them, and loaded into this process.

    Args:
      fun: the training step, or what :func:`approx_act.jit` or
        :func:`approx_act.approximate` made of it, which brings its options along.
      *args: arguments for it, arrays or ``jax.ShapeDtypeStruct``, in pytrees.
        Their shapes and types are those of every call.
      target: ``"cpu"``, which runs the very kernels of a GPU on the CPU; or a chip
        like ``"sm_90"``, or several, for a CUDA device.  To compile for chips takes
        a CUDA toolkit, but no device; that is wanted by the first call.
      toolkit: root of the CUDA toolkit; see :func:`approx_act.tool.find_toolkit` for
        where it is looked for.
      checks: on the CPU, make an error of what is undefined on a GPU (the runner's
        ``--strict``).  Arguments and results are copied then.
      timings: keep the time of every launch, for ``statistics.kernels`` and
        ``write_trace``.
      runtime_options: more options of the runtime, by the names of the environment
        variable ``APPROX_ACT_RUNTIME``, such as ``"poison"``.
      **kwargs: options of :func:`approx_act.approximate`, by their names, with
        ``bits=None`` for the exact step, whose backward pass may sum in another
        order; all others are arguments of ``fun``.

    Returns:
      A :class:`CompiledStep`, which is called as ``fun`` is, without its static
      arguments.

    Raises:
      ApproxActError: the step cannot be lowered, or a tool is missing.  Its
        diagnostics name the operation and your line.
      ValueError: an option has no such value.
    """
    exact = "bits" in kwargs and kwargs["bits"] is None
    if exact:
        del kwargs["bits"]
    made = Approximation.of(fun, kwargs)
    pipeline = _pipeline(target, toolkit)
    options = [*runtime_options]
    options += ["strict"] * checks + ["record"] * timings

    step = _primitive.trace(made.jitted, args, kwargs)
    # The arguments without those that are static.
    info = made.jitted.trace(*args, **kwargs).args_info
    arguments = _arguments(info, step)
    module = importer.load(_primitive.lower_exact(step), step.name)
    text = importer.to_text(module)
    forward = _primitive.exact_results(step, made.options)
    rewritten = None
    if not exact:
        rewritten = _primitive.rewrite(text, made.options, forward, "approx_act")
    if rewritten is not None:
        module = importer.load(rewritten.text, step.name)
    elif forward:
        # What saves work beside the codes; a step without a loss has no backward pass.
        results = ",".join(map(str, forward))
        prepared = tool.run(text, f"bits=0 forward-results={results} target=approx_act")
        module = importer.load(prepared.text, step.name)
    lowered = tool.lower(importer.to_linalg(module, step.name), pipeline)
    return CompiledStep(
        arguments,
        [_captured(x) for x in step.operands[: len(step.operands) - len(arguments)]],
        jax.tree.structure(info),
        step.jaxpr.out_avals,
        step.out_tree,
        table(rewritten) if rewritten is not None else None,
        lowered,
        rewritten.remarks if rewritten is not None else (),
        target if isinstance(target, str) else tuple(target),
        options,
        step.name,
    )


def _pipeline(target: str | Sequence[str], toolkit: str | None) -> str:
    """Returns the options of ``--approx-act-to-gpu`` for a target."""
    if target == "cpu":
        words = ["format=llvm"]
        # Only for libdevice, for which the CPU has functions of its own.
        toolkit = None
    else:
        chips = [target] if isinstance(target, str) else list(target)
        if not chips:
            raise ValueError("target must be 'cpu' or chips such as 'sm_90', and names none")
        for chip in chips:
            if not _CHIP.fullmatch(chip):
                raise ValueError(f"target must be 'cpu' or chips such as 'sm_90', not {chip!r}")
        words = ["format=fatbin", f"chip={','.join(chips)}"]
        toolkit = toolkit or tool.find_toolkit()
    return " ".join([*words, f"toolkit={{{toolkit}}}"] if toolkit else words)


def _captured(value: Any) -> np.ndarray:
    """An array that a step captures, as it is now: NumPy's can change."""
    if jax.dtypes.issubdtype(value.dtype, jax.dtypes.prng_key):
        value = jax.random.key_data(value)
    return np.asarray(value, copy=True if isinstance(value, np.ndarray) else None)


def _arguments(info: Any, step: _primitive.TracedStep) -> list[_arrays.Argument]:
    """The leaves of ``(args, kwargs)``, which are the last operands of a step."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(info)
    avals = step.jaxpr.in_avals[len(step.operands) - len(leaves) :]
    arguments = []
    for (path, _), aval in zip(leaves, avals, strict=True):
        which = getattr(path[1], "idx", None)
        name = f"argument {path[1].key if which is None else which}"
        arguments.append(_arrays.Argument(name + jax.tree_util.keystr(path[2:]), aval))
    return arguments


def _statistics(found: dict[str, Any], inputs: Sequence[_arrays.Placed]) -> RunStatistics:
    # Arguments that are used where they are, which the runtime does not know.
    foreign = {x.pointer: x.bytes for x in inputs if x.memory is None}
    return RunStatistics(
        found["microseconds"],
        found["peak_bytes"] + sum(foreign.values()),
        tuple(KernelTime(**kernel) for kernel in found["kernels"]),
    )
