# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The JAX primitive whose lowering runs the compiler.

A traced training step becomes one equation ``approximate[jaxpr=...]``.  Its
lowering lowers the jaxpr into a module of its own, has ``approx-act-opt``
rewrite that, and calls the result from the module being built.  Nothing runs
before lowering, so ``eval_shape`` and ``trace`` cost nothing, and whatever holds
for a function called under ``jax.jit`` holds here: shardings propagate, scans
carry it, host callbacks stay alive.

JAX's internals are used here only, but for one serializer in the importer.
"""

from __future__ import annotations

import dataclasses
import functools
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import jax
from jax._src import core, dispatch, effects, pjit
from jax._src.interpreters import ad, batching, partial_eval
from jax.interpreters import mlir
from jax.interpreters.mlir import ir
from jaxlib.mlir.dialects import func

from approx_act import importer, tool
from approx_act.options import Options

approximate_p = core.Primitive("approximate")
approximate_p.multiple_results = True


@dataclasses.dataclass(frozen=True)
class TracedStep:
    """A step traced for one signature.

    Attributes:
      jaxpr: the computation; its inputs are the closed-over constants, then the
        array arguments.
      operands: values for these inputs, flat.
      out_tree: structure of the result.
      name: the function's name.
    """

    jaxpr: core.ClosedJaxpr
    operands: list[Any]
    out_tree: jax.tree_util.PyTreeDef
    name: str


def trace(jitted: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any]) -> TracedStep:
    """Traces a function made by ``jax.jit``, with its cache and its errors."""
    params, operands = pjit._infer_params(jitted._fun, jitted._jit_info, tuple(args), kwargs)
    # As operands, captured arrays need not travel through the compiler's text.
    jaxpr, constants = partial_eval.separate_consts(params.params["jaxpr"])
    return TracedStep(jaxpr, [*constants, *operands], params.out_tree, params.params["name"])


def exact_results(step: TracedStep, options: Options) -> tuple[int, ...]:
    """Returns the flat indices of the results that must be exact, the loss first.

    The default is the compiler's own, settled here because results that vmap
    batches are no scalars any more, and because tokens may precede result 0.
    Empty where none or several results could be the loss.

    Raises:
      ValueError: ``options.forward`` names no result of the step.
    """
    chosen = options.forward_indices(step.out_tree)
    if chosen:
        return chosen
    scalars = [
        i
        for i, aval in enumerate(step.jaxpr.out_avals)
        if aval.shape == () and jax.numpy.issubdtype(aval.dtype, jax.numpy.floating)
    ]
    return tuple(scalars[:1]) if 0 in scalars or len(scalars) == 1 else ()


def bind(step: TracedStep, options: Options) -> Any:
    """Runs, or stages, a step with approximate activations.

    Args:
      step: the traced step.
      options: how to store its residuals.

    Returns:
      The step's result.

    Raises:
      ValueError: ``options.forward`` names no result of the step.
    """
    results = approximate_p.bind(
        *step.operands,
        jaxpr=step.jaxpr,
        name=step.name,
        options=options,
        forward=exact_results(step, options),
    )
    return jax.tree.unflatten(step.out_tree, results)


def lower_exact(step: TracedStep) -> ir.Module:
    """Lowers a step as it is, with all its operands, to the portable ops of the CPU."""
    jitted = jax.jit(core.jaxpr_as_fun(step.jaxpr), keep_unused=True)
    lowered = jitted.trace(*step.operands).lower(lowering_platforms=("cpu",))
    return lowered.compiler_ir("stablehlo")


def under_jit() -> bool:
    """Whether a function is being traced for an enclosing ``jax.jit``."""
    return core.unsafe_am_i_under_a_jit()


def rewrite(
    text: str, options: Options, forward: Sequence[int], target: str = "stablehlo"
) -> tool.Result | None:
    """Has the compiler rewrite a module.

    Args:
      text: the module, in generic form.
      options: how to store its residuals.
      forward: indices of the results of ``main`` that must be exact.
      target: the dialect to end in, as in :meth:`Options.pipeline`.

    Returns:
      The compiler's result, or ``None``, after a warning, where it refused the
      program and ``options.strict`` is not set.

    Raises:
      ApproxActError: the compiler is missing or fails, or refused and ``strict`` is
        set.
    """
    tool.find_tool()  # A missing compiler is an error, not a reason to go on without.
    try:
        require_loss(forward)
        result = tool.run(text, options.pipeline(forward, target))
        unchanged = result.unchanged
        if unchanged is None or unchanged.kind == "Analysis":
            return result
        refusal = tool.RefusedError(unchanged.args["reason"])
    except tool.RefusedError as error:
        refusal = error
    if options.strict:
        raise refusal
    warnings.warn(
        f"the step is left exact, no memory is saved: {refusal}",
        tool.ApproxActWarning,
        stacklevel=2,
    )
    return None


def require_loss(forward: Sequence[int]) -> None:
    """Raises RefusedError where it is not known which result is the loss."""
    if not forward:
        raise tool.RefusedError(
            "cannot tell which result is the loss: none, or more than one, is a scalar "
            "float; name it with forward=<index> or forward=lambda out: <leaf>"
        )


@dataclasses.dataclass(frozen=True)
class _Lowered:
    """A rewritten function inside the module being built."""

    symbol: str
    result_types: tuple[ir.Type, ...]
    result_tree: Any
    constants: Sequence[tuple[Any, core.AbstractValue]]


def _abstract_eval(*_, jaxpr: core.ClosedJaxpr, **__):
    return jaxpr.out_avals, jaxpr.effects


def _lower(
    ctx: mlir.LoweringRuleContext,
    *args,
    jaxpr: core.ClosedJaxpr,
    name: str,
    options: Options,
    forward: tuple[int, ...],
):
    module_ctx = ctx.module_context
    ordered = tuple(effects.ordered_effects.filter_in(jaxpr.effects))
    key = (approximate_p, jaxpr, options, forward, ordered)
    lowered = module_ctx.cached_primitive_lowerings.get(key)
    if lowered is None:
        lowered = _lower_function(module_ctx, jaxpr, name, options, forward, ordered)
        module_ctx.cached_primitive_lowerings[key] = lowered

    constants = [
        mlir.ir_constants(value, const_lowering=ctx.const_lowering, aval=aval)
        for value, aval in lowered.constants
    ]
    tokens = [ctx.tokens_in.get(effect) for effect in ordered]
    operands, _ = mlir.ir_tree_registry.flatten([*ctx.dim_var_values, *tokens, *constants, *args])
    call = func.CallOp(
        list(lowered.result_types), ir.FlatSymbolRefAttr.get(lowered.symbol), operands
    )
    results = lowered.result_tree.unflatten(call.results)
    if ordered:
        out = mlir.TokenSet(dict(zip(ordered, results[: len(ordered)], strict=True)))
        ctx.set_tokens_out(ctx.tokens_in.update_tokens(out))
    return results[len(ordered) :]


def _lower_function(
    outer: mlir.ModuleContext,
    jaxpr: core.ClosedJaxpr,
    name: str,
    options: Options,
    forward: tuple[int, ...],
    ordered: Sequence[effects.Effect],
) -> _Lowered:
    """Lowers, rewrites, and moves a step's function into the outer module."""
    module = ir.Module.create(ir.Location.unknown(outer.context))
    # Everything that the function may share with its surroundings is shared
    # (callbacks, channels, location caches), everything that names functions of
    # a module is fresh.
    inner = outer.replace(
        module=module,
        ip=ir.InsertionPoint(module.body),
        symbol_table=ir.SymbolTable(module.operation),
        lowering_cache={},
        cached_primitive_lowerings={},
    )
    constants = core.jaxpr_const_args(jaxpr.jaxpr)
    mlir.lower_jaxpr_to_fun(
        inner,
        name,
        jaxpr,
        ordered,
        num_const_args=len(constants),
        in_avals=[*(aval for _, aval in constants), *jaxpr.in_avals],
        main_function=True,
    )
    # On how many devices: the compiler keeps reductions over them together.
    partitions = "mhlo.num_partitions"
    if partitions in outer.module.operation.attributes:
        module.operation.attributes[partitions] = outer.module.operation.attributes[partitions]
    importer.load(module, name)

    # The results of the module begin with the tokens of ordered effects.
    result = rewrite(importer.to_text(module), options, [len(ordered) + index for index in forward])
    if result is not None:
        expected = importer.main_type(module)
        module = importer.load(result.text, f"{tool.TOOL}'s output for {name}", outer.context)
        if (actual := importer.main_type(module)) != expected:
            raise tool.ApproxActError(f"{tool.TOOL} changed {name} from {expected} to {actual}")
    types = [mlir.token_type()] * len(ordered)
    types += [mlir.aval_to_ir_types(outer, aval) for aval in jaxpr.out_avals]
    flat, tree = mlir.ir_tree_registry.flatten(types)
    symbol = mlir.merge_mlir_modules(outer.module, name, module, outer.symbol_table)
    return _Lowered(symbol, tuple(flat), tree, constants)


def _batch(axis_data, args, dims, *, jaxpr, name, options, forward):
    jaxpr, out_dims = batching.batch_jaxpr2(jaxpr, axis_data, dims)
    results = approximate_p.bind(*args, jaxpr=jaxpr, name=name, options=options, forward=forward)
    return results, out_dims


def _jvp(*_, name: str, **__):
    raise TypeError(
        f"{name} cannot be differentiated: approx_act rewrites whole training steps. "
        "Take the gradient inside, as in "
        "approx_act.jit(lambda params, batch: jax.value_and_grad(loss)(params, batch))"
    )


approximate_p.def_effectful_abstract_eval(_abstract_eval)
approximate_p.def_impl(functools.partial(dispatch.apply_primitive, approximate_p))
mlir.register_lowering(approximate_p, _lower, cacheable=False)
batching.fancy_primitive_batchers[approximate_p] = _batch
ad.primitive_jvps[approximate_p] = _jvp
