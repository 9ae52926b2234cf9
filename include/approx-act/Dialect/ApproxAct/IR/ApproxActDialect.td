//===- ApproxActDialect.td - The approx_act dialect --------*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef APPROX_ACT_DIALECT_TD
#define APPROX_ACT_DIALECT_TD

include "mlir/IR/OpBase.td"

def ApproxAct_Dialect : Dialect {
  let name = "approx_act";
  let summary = "Fixed-point approximations of activations for the backward pass";
  let description = [{
    The dialect describes how a training step stores an activation between its
    last use in the forward pass and its first use in the backward pass: as a
    code of 8, 4, 2 or 1 bits per element on a grid of equally wide cells, as a
    bit per element, or packed into words of 8 bits.

    A *grid* is a pair of tensors `(lo, step)`: cell `q` of the grid covers
    `[lo + q·step, lo + (q + 1)·step)` and is restored as its centre. Both have
    the rank of the activation, and every dimension of theirs divides that of
    the activation: element `i` of a dimension of size `n` reads element
    `i / (n / m)` of the parameter's dimension of size `m`. A parameter of
    shape `1x1x1x64` is one per channel, `1x1x1x1` one per tensor, `8x128x1`
    one per row, and `8x128x4` for an activation `8x128x256` one per group of
    64.

    The semantics, element by element, are the numbered clauses of
    [semantics](../semantics.md); the ops cite them as [S1], [S2], ….
  }];
  let cppNamespace = "::mlir::approx_act";
  // Contractions have its tokens.
  let dependentDialects = ["::mlir::gpu::GPUDialect"];
  let useDefaultAttributePrinterParser = 1;
}

#endif // APPROX_ACT_DIALECT_TD
