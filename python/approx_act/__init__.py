# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Train JAX models with approximate activations.

``approx_act`` rewrites a whole training step (loss and gradients in one
function) so that the activations kept from the forward pass for the backward
pass are stored as 8-, 4- or 2-bit codes.  The loss stays exact; only the
backward pass sees approximations::

    step = approx_act.jit(train_step, bits=4)   # instead of jax.jit(train_step)
    print(approx_act.residuals(train_step, params, batch))
"""

import os

from jax.extend import source_info_util as _source_info_util

# The user's own line, not the line in this package, belongs in locations.
_source_info_util.register_exclusion(os.path.dirname(os.path.abspath(__file__)))

from approx_act._arrays import DeviceArray  # noqa: E402
from approx_act.api import approximate, compiler_options, jit  # noqa: E402
from approx_act.importer import import_module, to_exported  # noqa: E402
from approx_act.kernels import CompiledStep, compile  # noqa: E402
from approx_act.report import Residual, ResidualTable, residuals  # noqa: E402
from approx_act.tool import (  # noqa: E402
    ApproxActError,
    ApproxActWarning,
    Diagnostic,
)

__all__ = [
    "ApproxActError",
    "ApproxActWarning",
    "CompiledStep",
    "DeviceArray",
    "Diagnostic",
    "Residual",
    "ResidualTable",
    "approximate",
    "compile",
    "compiler_options",
    "import_module",
    "jit",
    "residuals",
    "to_exported",
]
