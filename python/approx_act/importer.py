# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""StableHLO in, MLIR generic text out, and back.

The StableHLO library behind jaxlib parses, verifies and legalises every form in
which a program may come.  ``approx-act-opt`` reads and writes the one form that
needs no StableHLO library: the generic form, with locations.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import io
import os
import sys
from collections.abc import Callable
from typing import TypeAlias

import jax
import numpy as np
from jax import export as jax_export
from jax._src.export import _export as jax_export_internal
from jax.interpreters import mlir
from jax.interpreters.mlir import ir
from jaxlib.mlir import passmanager
from jaxlib.mlir.dialects import stablehlo

from approx_act.tool import ApproxActError, Diagnostic, parse_diagnostics

Source: TypeAlias = "str | bytes | os.PathLike[str] | ir.Module | jax_export.Exported"

_BYTECODE_MAGIC = b"ML\xefR"
# The producer string that opens a portable artifact, right after the magic
# number and the bytecode version.
_PORTABLE_PRODUCER = b"StableHLO_v"


def import_module(source: Source, name: str = "<input>") -> str:
    """Returns a StableHLO program in the form that ``approx-act-opt`` reads.

    The program is verified, CHLO operations are legalised to StableHLO, and
    locations and shardings are kept.

    Args:
      source: a path, MLIR text (pretty or generic), MLIR bytecode, a StableHLO
        portable artifact, a serialized or live ``jax.export.Exported``, or a
        jaxlib ``ir.Module``.  A ``str`` is text; wrap a file name in
        ``pathlib.Path``.
      name: how errors call the input where it is not a file.

    Raises:
      ApproxActError: the input is not valid StableHLO; says where.
      OSError: the file cannot be read.
    """
    return to_text(load(source, name))


def load(source: Source, name: str = "<input>", context: ir.Context | None = None) -> ir.Module:
    """Returns a program as a verified jaxlib module without CHLO operations.

    Args:
      source, name: as for :func:`import_module`.
      context: where to make the module; by default a fresh one, or the module's
        own when ``source`` is a module.

    Raises:
      ApproxActError, OSError: as for :func:`import_module`.
    """
    if isinstance(source, os.PathLike):
        name = os.fspath(source)
        with open(source, "rb") as file:
            source = file.read()
    if isinstance(source, ir.Module):
        module = source
    else:
        if context is None:
            context = mlir.make_ir_context()
            # jaxlib does not know the dialect of this project.
            context.allow_unregistered_dialects = True
        module = _parse(source, name, context)
    _guard(module.operation.verify, module.context, name)
    _legalize_chlo(module, name)
    return module


def to_text(module: ir.Module) -> str:
    """Prints a module in generic form with locations, parsable by other MLIRs."""
    return module.operation.get_asm(
        print_generic_op_form=True, enable_debug_info=True, pretty_debug_info=False
    )


def to_linalg(module: ir.Module, name: str = "<input>") -> str:
    """Prints a module with its StableHLO operations as linalg, in generic form.

    Operations of approx_act stay as they are, and so do the few of StableHLO that
    have no form in linalg, or a wrong one (scatters, sorts, loops, Fourier transforms,
    gradients of poolings, barriers): ``approx-act-opt`` lowers both.  Such a module
    comes from ``--approx-act-pipeline="target=approx_act"``.

    Args:
      module: a module of a context that allows unregistered dialects, as
        :func:`load` makes it; it is changed.
      name: how errors call the module.

    Raises:
      ApproxActError: the module cannot be legalised; says where.
    """
    _register_passes()
    _remove_empty_slices(module)
    _hide_poolings(module)
    with module.context:
        # Composites, which jax.export makes of top_k, are what they consist of.
        passes = passmanager.PassManager.parse(
            "builtin.module(func.func(stablehlo-legalize-composite-to-call),"
            "stablehlo-legalize-to-linalg)"
        )
        _guard(lambda: passes.run(module.operation), module.context, name, "cannot be lowered")
    _show_poolings(module)
    return to_text(module)


# Marks operations whose padding is not theirs.
_HIDDEN = "approx_act.hidden"


def _hide_poolings(module: ir.Module) -> None:
    """Keeps the library from lowering gradients of poolings.

    Of equal elements of a window it selects the last, and XLA the first. It leaves
    windows with padding alone: here they get one on one side, and one less on the other.
    """

    def hide(op: ir.Operation) -> ir.WalkResult:
        if op.name == "stablehlo.select_and_scatter":
            rank = ir.RankedTensorType(op.operands[0].type).rank
            is_padded = "padding" in op.attributes and np.any(op.attributes["padding"])
            if rank > 0 and not is_padded:
                with op.context:
                    padding = np.zeros((rank, 2), np.int64)
                    padding[0] = 1, -1
                    op.attributes["padding"] = ir.DenseElementsAttr.get(padding)
                    op.attributes[_HIDDEN] = ir.UnitAttr.get()
        return ir.WalkResult.ADVANCE

    module.operation.walk(hide)


def _show_poolings(module: ir.Module) -> None:
    """Undoes :func:`_hide_poolings`."""

    def show(op: ir.Operation) -> ir.WalkResult:
        if _HIDDEN in op.attributes:
            del op.attributes["padding"]
            del op.attributes[_HIDDEN]
        return ir.WalkResult.ADVANCE

    module.operation.walk(show)


def _remove_empty_slices(module: ir.Module) -> None:
    """Replaces slices and operands of pads that have no elements.

    They may start where no element is, which MLIR's ``tensor.extract_slice`` and
    ``tensor.insert_slice`` do not allow.
    """
    found = []

    def collect(op: ir.Operation) -> ir.WalkResult:
        if op.name in ("stablehlo.slice", "stablehlo.dynamic_slice"):
            moved = op.results[0]
        elif op.name == "stablehlo.pad":
            moved = op.operands[0]
        else:
            return ir.WalkResult.ADVANCE
        if 0 in ir.RankedTensorType(moved.type).shape:
            found.append(op)
        return ir.WalkResult.ADVANCE

    module.operation.walk(collect)
    for op in found:
        result = op.results[0]
        with ir.InsertionPoint(op), op.location:
            if op.name == "stablehlo.pad":
                new = stablehlo.broadcast_in_dim(result.type, op.operands[1], [])
            else:
                # The bindings have no attribute for elements that are complex.
                constant = ir.Operation.parse(f"stablehlo.constant dense<> : {result.type}")
                constant.location = op.location
                ir.InsertionPoint.current.insert(constant)
                new = constant.result
        result.replace_all_uses_with(new)
        op.erase()


def to_bytecode(module: ir.Module) -> bytes:
    """Serializes a module as MLIR bytecode."""
    buffer = io.BytesIO()
    module.operation.write_bytecode(buffer)
    return buffer.getvalue()


def to_portable_artifact(module: ir.Module) -> bytes:
    """Serializes a module as a StableHLO portable artifact.

    This is the serialization of ``jax.export``, which, unlike StableHLO's own,
    also carries the operations of the sharding dialect.
    """
    with module.context:
        return jax_export_internal._module_to_bytecode(module)


def to_exported(source: Source, exported: jax_export.Exported) -> jax_export.Exported:
    """Returns an exported function that runs a rewritten program.

    Args:
      source: the rewritten program, such as the output of ``approx-act-opt``.
      exported: the function that the program was made from; calling convention,
        shardings and pytrees are taken from it.  Its derivative is not.

    Raises:
      ApproxActError: the program is not valid, or its ``main`` takes or returns
        something else than that of ``exported``.
    """
    context = mlir.make_ir_context()
    original = _parse(exported, exported.fun_name, context)
    module = load(source, exported.fun_name, context)
    expected, actual = main_type(original), main_type(module)
    if actual != expected:
        raise ApproxActError(
            f"the rewritten program has type {actual}, but {exported.fun_name} was "
            f"exported with type {expected}"
        )
    return dataclasses.replace(
        exported, mlir_module_serialized=to_portable_artifact(module), _get_vjp=None
    )


def main_type(module: ir.Module) -> ir.FunctionType:
    """Returns the type of a module's function ``main``."""
    for op in module.body.operations:
        if op.operation.name == "func.func" and op.sym_name.value == "main":
            return op.type
    raise ApproxActError("the program has no function 'main'")


def _parse(source: str | bytes | jax_export.Exported, name: str, context: ir.Context) -> ir.Module:
    """Parses any form but a module."""
    if isinstance(source, jax_export.Exported):
        with context:
            return _guard(lambda: source.mlir_module(serialized=False), context, name)
    if isinstance(source, (bytes, bytearray)):
        source = bytes(source)
        if source.startswith(_BYTECODE_MAGIC):
            if _PORTABLE_PRODUCER in source[:32]:
                read = functools.partial(stablehlo.deserialize_portable_artifact, context, source)
            else:
                read = functools.partial(ir.Module.parse, source, context)
            return _guard(read, context, name)
        if b"\0" in source:  # No text; MLIR's parser would stop there without a word.
            return _parse(_deserialize_exported(source, name), name, context)
        source = source.decode("utf-8", errors="replace")
    if not isinstance(source, str):
        raise TypeError(f"cannot import a {type(source).__name__}")
    return _guard(functools.partial(ir.Module.parse, source, context), context, name)


def _deserialize_exported(blob: bytes, name: str) -> jax_export.Exported:
    try:
        return jax_export.deserialize(bytearray(blob))
    except Exception as error:  # The flatbuffer reader raises whatever it trips over.
        raise ApproxActError(
            f"{name}: neither MLIR text, MLIR bytecode, a StableHLO portable "
            "artifact, nor a serialized jax.export.Exported"
        ) from error


@functools.cache
def _register_passes() -> None:
    stablehlo.register_stablehlo_passes()


def _legalize_chlo(module: ir.Module, name: str) -> None:
    found = False

    def visit(op: ir.Operation) -> ir.WalkResult:
        nonlocal found
        found = op.name.startswith("chlo.")
        return ir.WalkResult.INTERRUPT if found else ir.WalkResult.ADVANCE

    module.operation.walk(visit)
    if not found:
        return
    _register_passes()
    with module.context:
        passes = passmanager.PassManager.parse(
            "builtin.module(func.func(chlo-legalize-to-stablehlo))"
        )
        _guard(lambda: passes.run(module.operation), module.context, name)


def _guard(
    action: Callable[[], ir.Module],
    context: ir.Context,
    name: str,
    fault: str = "is not valid StableHLO",
) -> ir.Module:
    """Runs an MLIR action, turning its diagnostics into an ApproxActError.

    ``fault`` is what a failure says of the program called ``name``.
    """
    diagnostics: list[Diagnostic] = []

    def collect(info: ir.DiagnosticInfo) -> bool:
        diagnostics.extend(_convert(info, name))
        return True

    # Some actions raise their diagnostics, others emit them and then fail.
    handler = context.attach_diagnostic_handler(collect)
    try:
        return action()
    except (ir.MLIRError, ValueError, jax.errors.JaxRuntimeError) as error:
        for info in getattr(error, "error_diagnostics", ()):
            collect(info)
        raise ApproxActError(f"{name} {fault}", diagnostics) from None
    finally:
        handler.detach()


def _convert(info: ir.DiagnosticInfo, name: str) -> list[Diagnostic]:
    """Flattens a diagnostic of jaxlib and its notes."""
    severity = info.severity.name.lower()
    # A location prints as loc("file":line:column), "-" being the text itself.
    where = str(info.location).removeprefix("loc(").removesuffix(")").replace('"', "")
    parsed = parse_diagnostics(f"{where}: {severity}: {info.message}")
    diagnostic = parsed[0] if parsed else Diagnostic(severity, info.message)
    if diagnostic.file == "-":
        diagnostic = dataclasses.replace(diagnostic, file=name)
    return [diagnostic, *(d for note in info.notes for d in _convert(note, name))]


_EMITTERS: dict[str, Callable[[ir.Module], str | bytes]] = {
    "generic": to_text,
    "linalg": to_linalg,
    "pretty": lambda module: module.operation.get_asm(enable_debug_info=True),
    "bytecode": to_bytecode,
    "portable": to_portable_artifact,
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="approx-act-import",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=(
            "Reads a StableHLO program in any form: MLIR text (pretty or generic), MLIR\n"
            "bytecode, StableHLO portable artifact, or a serialized jax.export.Exported.\n"
            "Verifies it, legalises CHLO to StableHLO, and writes it in the generic form\n"
            "that approx-act-opt reads, with source locations and shardings."
        ),
        epilog=(
            "examples:\n"
            "  approx-act-import step.mlirbc | approx-act-opt --approx-act-pipeline='bits=4'\n"
            "  approx-act-import out.mlir --emit=portable -o out.stablehlo\n"
            "  approx-act-import codes.mlir --emit=linalg | approx-act-opt --approx-act-to-gpu"
        ),
    )
    parser.add_argument(
        "file", nargs="?", default="-", help="the program (default: standard input)"
    )
    parser.add_argument(
        "-o", "--output", default="-", metavar="FILE", help="where to write (default: stdout)"
    )
    parser.add_argument(
        "--emit",
        choices=list(_EMITTERS),
        default="generic",
        help="the form to write (default: generic)",
    )
    return parser


def main(argv: list[str] | None = None) -> int:
    """The command ``approx-act-import``; returns its exit code."""
    args = _parser().parse_args(argv)
    name = "<stdin>" if args.file == "-" else args.file
    try:
        if args.file == "-":
            blob = sys.stdin.buffer.read()
        else:
            with open(args.file, "rb") as file:
                blob = file.read()
        output = _EMITTERS[args.emit](load(blob, name))
        data = output.encode("utf-8") if isinstance(output, str) else output
        if args.output == "-":
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
        else:
            with open(args.output, "wb") as file:
                file.write(data)
    except BrokenPipeError:
        # The reader has seen enough; Python would complain once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (ApproxActError, OSError) as error:
        print(f"approx-act-import: error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
