# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""How lit runs the tests: see CONTRIBUTING.md for what belongs where."""

import os
import subprocess

import lit.formats
from lit.llvm import llvm_config
from lit.llvm.subst import ToolSubst

# lit hands in `config` and `lit_config`; it calls a configuration file with
# exec, which linters cannot see.
# ruff: noqa: F821

config.name = "approx-act"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test", ".py"]
config.excludes = ["CMakeLists.txt", "Inputs", "lit.cfg.py"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.approx_act_obj_root, "test")

# A CHECK variable never outlives its CHECK-LABEL block, and a prefix that no
# line of the test uses is a mistake in the test.
llvm_config.with_environment("FILECHECK_OPTS", "-enable-var-scope --allow-unused-prefixes=false")

# The commands of the package are beside the interpreter.
tool_dirs = [
    config.approx_act_tools_dir,
    os.path.dirname(config.python_executable),
    config.llvm_tools_dir,
]
llvm_config.with_environment("PATH", tool_dirs, append_path=True)
llvm_config.add_tool_substitutions(
    [
        "approx-act-opt",
        "approx-act-lsp-server",
        ToolSubst("approx-act-import", unresolved="ignore"),
        "FileCheck",
        "not",
        "count",
        "split-file",
    ],
    tool_dirs,
)
config.substitutions.append(("%python", config.python_executable))
config.substitutions.append(("%source_dir", config.approx_act_source_dir))

# Programs run on XLA's CPU backend through the Python package of this checkout.
llvm_config.with_environment("JAX_PLATFORMS", "cpu")
llvm_config.with_environment("PYTHONDONTWRITEBYTECODE", "1")
llvm_config.with_environment(
    "PYTHONPATH", os.path.join(config.approx_act_source_dir, "python"), append_path=True
)

# jax: the interpreter has what test/Integration needs.
probe = "import importlib.util as u, sys; sys.exit(not all(map(u.find_spec, sys.argv[1:])))"
if (
    subprocess.run([config.python_executable, "-c", probe, "jax", "jaxlib", "numpy"]).returncode
    == 0
):
    config.available_features.add("jax")
