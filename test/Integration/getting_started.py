# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs what docs/getting-started.md tells people to type.

RUN: rm -rf %t && mkdir %t && cd %t
RUN: %python %s %source_dir/docs/getting-started.md
"""

import pathlib
import re
import subprocess
import sys

page = pathlib.Path(sys.argv[1])
names: dict = {}
commands = 0
for language, text in re.findall(r"^```(\w+)\n(.*?)^```", page.read_text(), re.M | re.S):
    if language == "python":
        # JAX asks for the source of what it traces: a file, not a string.
        block = pathlib.Path(f"block{len(text)}.py")
        block.write_text(text)
        exec(compile(text, block.absolute(), "exec"), names)
    elif language == "sh" and text.startswith("approx-act-"):
        subprocess.run(["bash", "-ec", text], check=True, stdout=subprocess.DEVNULL)
        commands += 1

assert commands == 1, "the page should show the tool on files"

# The page promises a saving and an exact loss.
exact, small = (names[n].memory_analysis().temp_size_in_bytes for n in ("exact", "small"))
assert small < exact / 3, (exact, small)
params, x, y = (names[n] for n in ("params", "x", "y"))
loss = float(names["exact"](params, x, y)[0])
assert abs(float(names["small"](params, x, y)[0]) - loss) <= 1e-6 * loss

# And that what the tool writes can be called again.
rewritten = names["approx_act"].to_exported(pathlib.Path("small.mlir"), names["exported"])
assert abs(float(rewritten.call(params, x, y)[0]) - loss) <= 1e-6 * loss
assert "Name:            quantized" in pathlib.Path("remarks.yaml").read_text()
