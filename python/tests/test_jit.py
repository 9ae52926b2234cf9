# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""``approx_act.jit`` behaves as ``jax.jit``.

The compiler is a stand-in that changes nothing: what is tested is Python's part.
"""

import functools
import inspect
import re
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import approx_act
from approx_act import api


def loss(params, x):
    return jnp.mean(jnp.tanh(x @ params["w"] + params["b"]) ** 2)


def step(params, x, rate=0.1):
    value, grads = jax.value_and_grad(loss)(params, x)
    return value, jax.tree.map(lambda p, g: p - rate * g, params, grads)


PARAMS = {"w": jnp.linspace(-1, 1, 16).reshape(4, 4), "b": jnp.arange(4.0)}
X = jnp.linspace(0, 1, 32).reshape(8, 4)


def assert_equal(actual, expected):
    assert jax.tree.structure(actual) == jax.tree.structure(expected)
    jax.tree.map(lambda a, e: np.testing.assert_allclose(a, e, rtol=1e-6), actual, expected)


def test_same_result_and_one_rewrite_per_signature(fake):
    jitted = approx_act.jit(step)
    for _ in range(3):
        assert_equal(jitted(PARAMS, X), jax.jit(step)(PARAMS, X))
    assert len(fake.runs) == 1
    jitted(PARAMS, X[:4])  # another shape
    assert len(fake.runs) == 2
    jitted(PARAMS, X.astype(jnp.bfloat16))  # another type
    assert len(fake.runs) == 3
    jitted(PARAMS, X, 0.5)  # another argument, of weak type
    jitted(PARAMS, X, 0.25)
    assert len(fake.runs) == 4
    jitted(PARAMS, X, jnp.float32(0.5))  # of strong type
    assert len(fake.runs) == 5
    jitted(PARAMS, x=X)  # another pytree of arguments
    assert len(fake.runs) == 6
    jitted(PARAMS, X)
    assert len(fake.runs) == 6
    jitted.clear_cache()


def test_what_the_compiler_returns_is_run(fake):
    fake.install(action="exec sed s/stablehlo.tanh/stablehlo.logistic/")
    actual = approx_act.jit(lambda x: jnp.sum(jnp.tanh(x)))(X)
    np.testing.assert_allclose(actual, jnp.sum(jax.nn.sigmoid(X)), rtol=1e-6)


@pytest.mark.parametrize(
    "action, message",
    [
        ("echo nonsense", "approx-act-opt's output for step:1:1: error"),
        ("exec sed s/8x4xf32/9x4xf32/g", "changed step from .*8x4xf32.* to .*9x4xf32"),
    ],
)
def test_invalid_output_of_the_compiler_is_an_error(fake, action, message):
    fake.install(action=action)
    with pytest.raises(approx_act.ApproxActError, match=message):
        approx_act.jit(step)(PARAMS, X)


def test_weak_types_of_results(fake):
    def fun(x, y):
        return x * 2, y * 2

    expected = jax.jit(fun)(1.0, jnp.float32(1))
    actual = approx_act.jit(fun, forward=0)(1.0, jnp.float32(1))
    assert [a.weak_type for a in actual] == [e.weak_type for e in expected] == [True, False]


@pytest.mark.parametrize("static", [{"static_argnums": 1}, {"static_argnames": "power"}])
def test_static_arguments(fake, static):
    def fun(x, power):
        assert isinstance(power, int)
        return jnp.sum(x**power)

    jitted = approx_act.jit(fun, **static)
    assert jitted(X, 2) == jax.jit(fun, **static)(X, 2)
    assert jitted(X, 3) == jax.jit(fun, **static)(X, 3)
    assert jitted(X, 2) == jitted(X, 2)
    assert len(fake.runs) == 2
    assert jitted(X, power=2) == jitted(X, 2)
    with pytest.raises(ValueError, match="[Nn]on-hashable"):
        jitted(X, [2])


def test_donation(fake):
    params = jax.tree.map(jnp.copy, PARAMS)
    compiled = approx_act.jit(step, donate_argnums=0).lower(params, X).compile()
    expected = jax.jit(step, donate_argnums=0).lower(params, X).compile()
    aliased = compiled.memory_analysis().alias_size_in_bytes
    assert aliased == expected.memory_analysis().alias_size_in_bytes > 0
    result = approx_act.jit(step, donate_argnames="params")(params, X)
    assert params["w"].is_deleted()
    assert_equal(result, step(PARAMS, X))


WRONG = {
    "no arguments": lambda f: f(),
    "missing": lambda f: f(PARAMS),
    "too many": lambda f: f(PARAMS, X, 0.1, 4),
    "unknown keyword": lambda f: f(PARAMS, X, speed=1),
    "not an array": lambda f: f(PARAMS, "x"),
    "not an array in a pytree": lambda f: f({**PARAMS, "w": object()}, X),
    "wrong shape": lambda f: f(PARAMS, X[:, :3]),
    "wrong key": lambda f: f({"w": PARAMS["w"]}, X),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_arguments_give_the_same_error(fake, case):
    def outcome(fun):
        with pytest.raises(Exception) as info:
            WRONG[case](fun)
        # The function's address is part of some messages.
        return info.type, re.sub("0x[0-9a-f]+", "0x", str(info.value))

    assert outcome(approx_act.jit(step)) == outcome(jax.jit(step))
    assert fake.runs == []


@pytest.mark.parametrize(
    "arguments",
    [{"static_argnums": 7}, {"donate_argnums": 9}, {"static_argnames": 3}, {"no_such": 1}],
)
def test_wrong_jit_arguments_give_the_same_error(arguments):
    def outcome(jit):
        with pytest.raises(Exception) as info:
            jit(step, **arguments)
        return info.type, str(info.value)

    assert outcome(approx_act.jit) == outcome(jax.jit)


def test_not_callable():
    with pytest.raises(TypeError):
        approx_act.jit(3)


def test_looks_like_the_function():
    jitted = approx_act.jit(step)
    assert jitted.__name__ == "step"
    assert jitted.__wrapped__ is step
    assert inspect.signature(jitted) == inspect.signature(step)


def test_ahead_of_time(fake):
    jitted = approx_act.jit(step)
    compiled = jitted.lower(PARAMS, jax.ShapeDtypeStruct(X.shape, X.dtype)).compile()
    assert compiled.memory_analysis().temp_size_in_bytes >= 0
    assert_equal(compiled(PARAMS, X), step(PARAMS, X))
    with pytest.raises(TypeError):
        compiled(PARAMS, X[:4])


def test_nothing_is_rewritten_before_lowering(fake):
    jitted = approx_act.jit(step)
    expected = jax.eval_shape(step, PARAMS, X)
    assert jitted.eval_shape(PARAMS, X) == expected
    assert jitted.trace(PARAMS, X).out_info == jax.jit(step).trace(PARAMS, X).out_info
    assert jax.eval_shape(jitted, PARAMS, X) == expected
    assert fake.runs == []


def test_decorators(fake):
    @approx_act.jit
    def plain(x):
        return jnp.sum(x * 2)

    @approx_act.jit(bits=8, static_argnums=1)
    def with_options(x, n):
        return jnp.sum(x * n)

    assert plain(X) == jnp.sum(X * 2)
    assert with_options(X, 2) == jnp.sum(X * 2)
    assert "bits=4 " in fake.runs[0]
    assert "bits=8 " in fake.runs[1]


def test_method(fake):
    class Trainer:
        rate = 3.0

        @functools.partial(approx_act.jit, static_argnums=0)
        def step(self, x):
            return jnp.sum(x) * self.rate

    assert Trainer().step(X) == jnp.sum(X) * 3


def test_closed_over_values_are_operands(fake):
    """A captured array does not travel through the compiler's text."""
    data = np.random.default_rng(0).standard_normal((64, 64)).astype(np.float32)
    fake.install(action=f"exec tee {fake.directory}/input.mlir")
    jitted = approx_act.jit(lambda w: jnp.sum(jnp.tanh(w @ data)))
    np.testing.assert_allclose(jitted(data), jnp.sum(jnp.tanh(data @ data)), rtol=1e-5)
    assert 'dense<"0x' not in (fake.directory / "input.mlir").read_text()


def test_closed_over_tracer(fake):
    @jax.jit
    def outer(params, x):
        y = x * 2
        return approx_act.approximate(lambda p: step(p, y))(params)

    assert_equal(outer(PARAMS, X), step(PARAMS, X * 2))


NESTINGS = {
    "under jit": lambda f: jax.jit(lambda p, x: f(p, x)),
    "twice": lambda f: jax.jit(lambda p, x: f(f(p, x)[1], x)),
    "in scan": lambda f: jax.jit(
        lambda p, x: jax.lax.scan(lambda p, x: f(p, x)[::-1], p, jnp.stack([x, x + 1]))
    ),
    "in scan, not compiled": lambda f: (
        lambda p, x: jax.lax.scan(lambda p, x: f(p, x)[::-1], p, jnp.stack([x, x + 1]))
    ),
    "in cond": lambda f: jax.jit(
        lambda p, x: jax.lax.cond(x[0, 0] < 1, f, lambda p, x: (0.0, p), p, x)
    ),
    "in vmap": lambda f: jax.vmap(f, in_axes=(None, 0)),
    "in checkpoint": lambda f: jax.jit(jax.checkpoint(f)),
}


@pytest.mark.parametrize("nesting", NESTINGS)
@pytest.mark.parametrize("make", [approx_act.jit, approx_act.approximate])
def test_nested(fake, nesting, make):
    x = jnp.stack([X, X + 1]) if nesting == "in vmap" else X
    wrap = NESTINGS[nesting]
    assert_equal(wrap(make(step))(PARAMS, x), wrap(step)(PARAMS, x))
    assert len(fake.runs) == 1


def test_disable_jit(fake):
    with jax.disable_jit():
        assert_equal(approx_act.jit(step)(PARAMS, X), step(PARAMS, X))


def test_export(fake):
    exported = jax.export.export(approx_act.jit(step))(PARAMS, X)
    assert_equal(exported.call(PARAMS, X), step(PARAMS, X))


def test_export_for_several_platforms(fake):
    exported = jax.export.export(approx_act.jit(step), platforms=("cpu", "tpu"))(PARAMS, X)
    assert_equal(exported.call(PARAMS, X), step(PARAMS, X))


def test_export_with_symbolic_shapes(fake):
    (rows,) = jax.export.symbolic_shape("rows")
    x = jax.ShapeDtypeStruct((rows, 4), X.dtype)
    exported = jax.export.export(approx_act.jit(step))(PARAMS, x)
    assert_equal(exported.call(PARAMS, X[:5]), step(PARAMS, X[:5]))


def test_exported_function_is_approximated(fake):
    exported = jax.export.export(jax.jit(step))(PARAMS, X)
    assert_equal(approx_act.jit(exported.call)(PARAMS, X), step(PARAMS, X))
    assert len(fake.runs) == 1


@pytest.mark.parametrize("ordered", [False, True])
def test_callbacks_stay(fake, capfd, ordered):
    def printing(x):
        jax.debug.print("sum {s}", s=x.sum(), ordered=ordered)
        return jnp.sum(x)

    assert approx_act.jit(printing, forward=0)(jnp.ones(3)) == 3
    jax.effects_barrier()
    assert "sum 3.0" in capfd.readouterr().out
    # The token of the ordered print is the first result.
    assert f"forward-results={int(ordered)} " in fake.runs[0]


def test_random_keys(fake):
    def fun(key, x):
        key, sub = jax.random.split(key)
        return jnp.sum(x * jax.random.bernoulli(sub, 0.5, x.shape)), key

    for key in (jax.random.key(1), jax.random.PRNGKey(1)):
        actual, expected = approx_act.jit(fun)(key, X), jax.jit(fun)(key, X)
        assert actual[0] == expected[0]
        assert (actual[1] == expected[1]).all()


def test_derivative_is_refused(fake):
    with pytest.raises(TypeError, match="whole training steps"):
        jax.grad(lambda p: approx_act.jit(step)(p, X)[0])(PARAMS)


def test_barriers_are_kept_on_cpu(fake, monkeypatch):
    seen = []
    original = jax.jit
    monkeypatch.setattr(
        jax, "jit", lambda f, **kw: seen.append(kw.get("compiler_options")) or original(f, **kw)
    )
    mine = {"xla_disable_hlo_passes": "algsimp", "xla_embed_ir_in_executable": True}
    approx_act.jit(step, compiler_options=mine)(PARAMS, X)
    cpu = approx_act.compiler_options("cpu")
    required = "cse_barrier_expander,small-while-loop-hoisting"
    assert cpu["xla_disable_hlo_passes"] == required
    passes = f"algsimp,{required}"
    assert seen[-1] == {**cpu, **mine, "xla_disable_hlo_passes": passes}
    assert approx_act.compiler_options("gpu") == {}


def test_a_loop_over_little_data_compiles():
    """XLA:CPU would make one kernel of it, in which it knows no barriers, and end the process."""

    def loss(x):
        carry, ys = jax.lax.scan(lambda c, a: (c * 0.9 + jnp.sin(a), c * a), x[0], x)
        return jnp.sum(carry**2) + jnp.sum(jnp.tanh(ys))

    step = jax.value_and_grad(loss)
    x = jnp.linspace(-1.0, 1.0, 45).reshape(9, 5)
    value, gradient = approx_act.jit(step, bits=8, min_fraction=0.0)(x)
    exact, expected = jax.jit(step)(x)
    assert abs(value - exact) <= 1e-6 * abs(exact)
    assert jnp.linalg.norm(gradient - expected) <= 0.05 * jnp.linalg.norm(expected)


def test_compiler_options_on_a_nested_jit_are_an_error(fake):
    """The same as in JAX, where only the outermost jit may have them."""
    options = {"xla_embed_ir_in_executable": True}
    jitted = approx_act.jit(step, compiler_options=options)
    jitted(PARAMS, X)
    with pytest.raises(ValueError, match="top-level"):
        jax.jit(lambda p, x: jitted(p, x))(PARAMS, X)


def test_backend_is_not_started_early(monkeypatch):
    monkeypatch.setattr(jax, "default_backend", lambda: pytest.fail("started"))
    approx_act.jit(step)


REFUSE = "echo '<unknown>:0: error: not today' >&2; exit 1"


def test_refusal_warns_once_and_leaves_the_step_exact(fake):
    fake.install(action=REFUSE)
    jitted = approx_act.jit(step)
    with pytest.warns(approx_act.ApproxActWarning, match="not today") as record:
        assert_equal(jitted(PARAMS, X), step(PARAMS, X))
    assert len(record) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        jitted(PARAMS, X)


def test_refusal_raises_when_strict(fake):
    fake.install(action=REFUSE)
    with pytest.raises(approx_act.ApproxActError, match="not today"):
        approx_act.jit(step, strict=True)(PARAMS, X)


@pytest.mark.parametrize("action", ["kill -ABRT $$", "echo 'no such option' >&2; exit 1"])
def test_failure_of_the_compiler_is_no_refusal(fake, action):
    """A step that stays exact because of a mistake elsewhere saves no memory, unnoticed."""
    fake.install(action=action)
    with pytest.raises(approx_act.ApproxActError):
        approx_act.jit(step)(PARAMS, X)


UNCHANGED = """--- !{kind}
Pass:            approx-act
Name:            unchanged
Function:        main
Args:
  - reason:          {reason}
...
"""


def test_unsafe_program_warns(fake):
    fake.install(remarks=UNCHANGED.format(kind="Missed", reason="dynamic shapes"))
    with pytest.warns(approx_act.ApproxActWarning, match="dynamic shapes"):
        approx_act.jit(step)(PARAMS, X)


def test_inference_is_silent(fake):
    fake.install(remarks=UNCHANGED.format(kind="Analysis", reason="no backward pass"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert approx_act.jit(loss)(PARAMS, X) == loss(PARAMS, X)


def test_missing_compiler_raises(monkeypatch):
    monkeypatch.setenv("APPROX_ACT_OPT", "/no/such/compiler")
    with pytest.raises(approx_act.ApproxActError, match="/no/such/compiler"):
        approx_act.jit(step)(PARAMS, X)


def test_merge_of_compiler_options():
    required = {"xla_disable_hlo_passes": "b", "y": 2}
    assert api._merge(None, required) == required
    mine = {"xla_disable_hlo_passes": "a", "x": 1, "y": 3}
    assert api._merge(mine, required) == {**mine, "xla_disable_hlo_passes": "a,b"}
