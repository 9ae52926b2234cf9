# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""How lit runs the tests: see CONTRIBUTING.md for what belongs where."""

import ctypes
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
        "approx-act-runner",
        ToolSubst("approx-act-import", unresolved="ignore"),
        "FileCheck",
        "not",
        "count",
        "split-file",
        "mlir-opt",
    ],
    tool_dirs,
)
config.substitutions.append(("%python", config.python_executable))
config.substitutions.append(("%clang", os.path.join(config.llvm_tools_dir, "clang")))
config.substitutions.append(("%source_dir", config.approx_act_source_dir))

# Saves and compares arrays of programs: see the file.
config.substitutions.append(
    (
        "%arrays",
        f"{config.python_executable} {config.approx_act_source_dir}/test/Runtime/Inputs/arrays.py",
    )
)

# %lower-gpu lowers a module of the gpu dialect with MLIR's own pipeline, kernels
# to bitcode for the CPU. %cuda_toolkit has bin/ptxas and libdevice.
if config.cuda_toolkit:
    config.available_features.add("cuda-toolkit")
    config.substitutions.append(("%cuda_toolkit", config.cuda_toolkit))
    llvm_config.with_environment("CUDA_ROOT", config.cuda_toolkit)
config.substitutions.append(
    (
        "%lower-gpu",
        "mlir-opt --gpu-lower-to-nvvm-pipeline='cubin-chip=sm_80 cubin-features=+ptx70 "
        "cubin-format=llvm'",
    )
)
try:
    ctypes.CDLL("libcuda.so.1")
    config.available_features.add("cuda-driver")
except OSError:
    pass

# Threads of oneDNN that wait leave the processor to other tests.
llvm_config.with_environment("OMP_WAIT_POLICY", "passive")

# Programs run on XLA's CPU backend through the Python package of this checkout.
llvm_config.with_environment("JAX_PLATFORMS", "cpu")
llvm_config.with_environment("PYTHONDONTWRITEBYTECODE", "1")
llvm_config.with_environment(
    "PYTHONPATH", os.path.join(config.approx_act_source_dir, "python"), append_path=True
)

# jax: the interpreter has what test/Integration needs. numpy: what test/Runtime
# and test/Runner need.
probe = "import importlib.util as u, sys; sys.exit(not all(map(u.find_spec, sys.argv[1:])))"
for feature, modules in {"jax": ["jax", "jaxlib", "numpy"], "numpy": ["numpy"]}.items():
    if subprocess.run([config.python_executable, "-c", probe, *modules]).returncode == 0:
        config.available_features.add(feature)
