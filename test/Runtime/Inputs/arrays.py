# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Saves arrays for a program, and compares what it wrote.

arrays.py save FILE EXPRESSION [NAME=FILE...]
    saves the value of an expression of NumPy's functions and of the arrays in
    the files; several values to an .npz file
arrays.py compare FILE EXPRESSION [NAME=FILE...] [--rtol=R] [--atol=A]
    fails unless the array in the file is the value of the expression; exactly,
    type included, when there is no tolerance

Several such commands are separated by an argument `,`.
"""

import argparse
import itertools
import sys
from typing import Any

import numpy as np


def load(path: str) -> Any:
    """The array in a .npy file, or the list of those in an .npz file."""
    arrays = np.load(path)
    return arrays if isinstance(arrays, np.ndarray) else [arrays[n] for n in arrays.files]


def evaluate(expression: str, files: list[str]) -> Any:
    """The value of an expression with the arrays named in `files`."""
    scope = {name: getattr(np, name) for name in dir(np) if not name.startswith("_")}
    scope["rng"] = np.random.default_rng(0)
    for file in files:
        name, path = file.split("=", maxsplit=1)
        scope[name] = load(path)
    return eval(expression, scope)


def run(argv: list[str]) -> None:
    """Does what one command says."""
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=["save", "compare"])
    parser.add_argument("file")
    parser.add_argument("expression")
    parser.add_argument("arrays", nargs="*")
    parser.add_argument("--rtol", type=float, default=0)
    parser.add_argument("--atol", type=float, default=0)
    args = parser.parse_args(argv)
    value = evaluate(args.expression, args.arrays)
    if args.command == "save":
        if args.file.endswith(".npz"):
            np.savez(args.file, *value)
        else:
            np.save(args.file, value)
        return
    found = load(args.file)
    if args.rtol or args.atol:
        np.testing.assert_allclose(found, value, rtol=args.rtol, atol=args.atol)
    else:
        value = np.asarray(value)
        assert (found.dtype, found.shape) == (value.dtype, value.shape), (found.dtype, value.dtype)
        np.testing.assert_array_equal(found, value)


if __name__ == "__main__":
    for is_separator, command in itertools.groupby(sys.argv[1:], lambda word: word == ","):
        if not is_separator:
            run(list(command))
