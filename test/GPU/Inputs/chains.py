# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Prints a function whose ops form a long chain: `chains.py KIND LENGTH`."""

import sys

T = "tensor<64xf32>"


def elementwise(result: str, body: str, *operands: str) -> str:
    """An op on vectors. `body` computes %r from %a and %b."""
    maps = ", ".join(["#id"] * (len(operands) + 1))
    ins = f"ins({', '.join(operands)} : {', '.join([T] * len(operands))})" if operands else ""
    arguments = "".join(f"{name}: f32, " for name, _ in zip(["%a", "%b"], operands, strict=False))
    return f"""
  {result} = linalg.generic {{indexing_maps = [{maps}], iterator_types = ["parallel"]}}
      {ins} outs(%e : {T}) {{
  ^bb0({arguments}%old: f32):
    {body}
    linalg.yield %r : f32
  }} -> {T}"""


def square(i: int) -> str:
    """Reads what comes before in two ways, each as long."""
    mul, add = "%r = arith.mulf %a, %b : f32", "%r = arith.addf %a, %b : f32"
    return elementwise(f"%s{i}", mul, f"%x{i}", f"%x{i}") + elementwise(
        f"%x{i + 1}", add, f"%s{i}", f"%x{i}"
    )


def increment(i: int) -> str:
    return elementwise(f"%x{i + 1}", "%r = arith.addf %a, %a : f32", f"%x{i}")


def roll(i: int) -> str:
    k = i % 7 + 1
    return f"""
  %a{i} = tensor.extract_slice %x{i}[{k}] [{64 - k}] [1] : {T} to tensor<{64 - k}xf32>
  %b{i} = tensor.extract_slice %x{i}[0] [{k}] [1] : {T} to tensor<{k}xf32>
  %x{i + 1} = tensor.concat dim(0) %a{i}, %b{i}
      : (tensor<{64 - k}xf32>, tensor<{k}xf32>) -> {T}"""


def difference(i: int) -> str:
    """Of both neighbours, with zeros beyond the ends."""
    return f"""
  %p{i} = tensor.pad %x{i} low[1] high[1] {{
  ^bb0(%i: index):
    tensor.yield %zero : f32
  }} : {T} to tensor<66xf32>
  %a{i} = tensor.extract_slice %p{i}[0] [64] [1] : tensor<66xf32> to {T}
  %b{i} = tensor.extract_slice %p{i}[2] [64] [1] : tensor<66xf32> to {T}""" + elementwise(
        f"%x{i + 1}", "%r = arith.subf %a, %b : f32", f"%a{i}", f"%b{i}"
    )


def update(i: int) -> str:
    """Writes one element that depends on the one before."""
    return f"""
  %a{i} = tensor.extract_slice %x{i}[{i}] [1] [1] : {T} to tensor<1xf32>
  %x{i + 1} = tensor.insert_slice %a{i} into %x{i}[{i + 1}] [1] [1] : tensor<1xf32> into {T}"""


STEPS = {
    "squares": square,
    "increments": increment,
    "rolls": roll,
    "differences": difference,
    "updates": update,
}


def main(kind: str, length: int) -> None:
    print("#id = affine_map<(d0) -> (d0)>")
    print("#row = affine_map<(d0, d1) -> (d1)>")
    print("#all = affine_map<(d0, d1) -> (d0, d1)>")
    results = T
    head = f"""
  %e = tensor.empty() : {T}
  %zero = arith.constant 0.0 : f32
  %low = arith.constant 0 : index
  %one = arith.constant 1 : index
  %high = arith.constant 1000 : index"""
    arguments = f"%x0: {T}, %f: tensor<f32>"
    if kind == "buffers":
        # One kernel is a chain, and may overwrite what it reads.
        print(f"""
func.func @main(%in: memref<64xf32>, %out: memref<64xf32>) {{
  %m = memref.alloc() : memref<64xf32>
  approx_act.kernel "first" ins(%in : memref<64xf32>) outs(%m : memref<64xf32>) {{
  ^bb0(%t: {T}):
    approx_act.yield %t : {T}
  }}
  %n = memref.alloc() : memref<64xf32>
  approx_act.kernel "chain" ins(%m : memref<64xf32>) outs(%n : memref<64xf32>) {{
  ^bb0(%x0: {T}):
    %e = tensor.empty() : {T}
    {"".join(map(square, range(length)))}
    approx_act.yield %x{length} : {T}
  }}
  approx_act.kernel "last" ins(%n : memref<64xf32>) outs(%out : memref<64xf32>) {{
  ^bb0(%t: {T}):
    approx_act.yield %t : {T}
  }}
  return
}}""")
        return
    if kind in STEPS:
        body = "".join(map(STEPS[kind], range(length))) + f"\n  return %x{length} : {T}"
    elif kind == "repeated":
        # Many elements of the result read one that has been moved.
        results = "tensor<9x64xf32>"
        work = "%b = math.sin %a : f32\n    %r = math.sin %b : f32"
        body = elementwise("%y", work, "%x0") + roll(0).replace("%x0", "%y")
        body += "".join(map(roll, range(1, length)))
        body += f"""
  %l = tensor.empty() : {results}
  %t = linalg.generic {{indexing_maps = [#row, #all], iterator_types = ["parallel", "parallel"]}}
      ins(%x{length} : {T}) outs(%l : {results}) {{
  ^bb0(%a: f32, %old: f32):
    linalg.yield %a : f32
  }} -> {results}
  return %t : {results}"""
    elif kind == "constants":
        # A loop reads what is computed from positions alone.
        index = """%i = linalg.index 0 : index
    %n = arith.index_cast %i : index to i32
    %r = arith.sitofp %n : i32 to f32"""
        arguments = f"%start: {T}"
        body = elementwise("%x0", index) + "".join(map(square, range(length)))
        body += f"""
  %l = scf.for %k = %low to %high step %one iter_args(%c = %start) -> {T} {{
    {elementwise("%t", "%r = arith.addf %a, %b : f32", "%c", f"%x{length}")}
    scf.yield %t : {T}
  }}
  return %l : {T}"""
    elif kind == "scalars":
        # A choice depends on a number of the device.
        body = "\n  %s0 = tensor.extract %f[] : tensor<f32>"
        for i in range(length):
            body += f"\n  %s{i + 1} = arith.mulf %s{i}, %s{i} : f32"
        body += f"""
  %c = arith.cmpf ogt, %s{length}, %zero : f32
  %t = scf.if %c -> {T} {{
    scf.yield %x0 : {T}
  }} else {{
    {elementwise("%n", "%r = arith.negf %a : f32", "%x0")}
    scf.yield %n : {T}
  }}
  return %t : {T}"""
    elif kind == "concatenation":
        names = [f"%p{i}" for i in range(length)]
        results, one = f"tensor<{length}xf32>", "tensor<1xf32>"
        body = "".join(
            f"\n  {name} = tensor.extract_slice %x0[{i * 5 % 64}] [1] [1] : {T} to {one}"
            for i, name in enumerate(names)
        )
        body += f"""
  %y = tensor.concat dim(0) {", ".join(names)} : ({", ".join([one] * length)}) -> {results}
  return %y : {results}"""
    elif kind == "readers":
        # All read one value, which takes so much to compute that it is in memory.
        work = """%b = math.sin %a : f32
    %c = math.sin %b : f32
    %d = math.sin %c : f32
    %r = math.sin %d : f32"""
        body = elementwise("%y", work, "%x0")
        names = [f"%y{i}" for i in range(length)]
        results = f"({', '.join([T] * length)})"
        for i, name in enumerate(names):
            number = f"%b = arith.constant {i}.0 : f32\n    %r = arith.addf %a, %b : f32"
            body += elementwise(name, number, "%y")
        body += f"\n  return {', '.join(names)} : {results[1:-1]}"
    print(f"func.func @main({arguments}) -> {results} {{{head}{body}\n}}")


main(sys.argv[1], int(sys.argv[2]))
