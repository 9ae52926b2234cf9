//===- Passes.td - Analyses and rewrites of training steps -*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef APPROX_ACT_TRANSFORMS_PASSES_TD
#define APPROX_ACT_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

class TrainingStepPass<string flag> : Pass<flag, "::mlir::func::FuncOp"> {
  list<Option> commonOptions = [
    ListOption<"forwardResults", "forward-results", "unsigned",
      "Indices of the function's results that must be exact, the loss first. "
      "Empty: result 0 if it is a rank-0 float, else the only result that is">];
}

def InlineCalls : Pass<"approx-act-inline", "::mlir::ModuleOp"> {
  let summary = "Inline calls of functions of one block, in linear time";
  let description = [{
    Replaces each `func.call` of a function of one block by the function's body,
    and the calls in that body in turn. An export of a deep network calls private
    functions (a ReLU, a softmax) a thousand times from one block; the upstream
    inliner splits that block at each call and moves all that follows, which
    takes time quadratic in the depth. Calls of functions that call themselves,
    by way of others too, and of functions of several blocks stay. Private
    functions that nothing refers to any more are erased; `-symbol-dce` does not
    see what ops refer to that have no definition, such as the decomposition of a
    composite. Locations become call sites, as upstream's do.
  }];
}

def FactorSums : TrainingStepPass<"approx-act-factor-sums"> {
  let summary = "Take factors out of the backward pass's sums, and share sums";
  let description = [{
    Differentiating a normalisation gives several sums over the same
    dimensions of products that differ by factors which do not vary along them
    (the scale, the reciprocal deviation). The pass takes such factors out of
    each sum of the backward pass over dimensions `D`, computes equal sums once,
    and drops what has been centred over `D` from a sum, for its sum is zero.
    Four passes over the activation become two, and no product is left that a
    compiler would keep in memory for a sum. Other additions are not taken
    apart, since sums of their terms could lose the digits that cancel.

    The forward pass is not touched. Gradients change by rounding.

    Before:

    ```mlir
    // %r, %s: [64] repeated; %c = %x - mean(%x)
    %0 = "stablehlo.multiply"(%g, %s) : …
    %1 = "stablehlo.multiply"(%0, %c) : …
    %2 = "stablehlo.reduce"(%1, %zero) … dimensions = 0, 1, 2
    ```

    After:

    ```mlir
    %0 = arith.mulf %g, %c : …
    %1 = "stablehlo.reduce"(%0, %zero) … dimensions = 0, 1, 2
    %2 = arith.mulf %1, %s_64 : tensor<64xf32>
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::tensor::TensorDialect"];
  let options = commonOptions;
  let statistics = [
    Statistic<"numReplaced", "replaced", "Sums replaced by combinations">,
    Statistic<"numCreated", "created", "Sums created for them">,
  ];
}

def IndexWindows : TrainingStepPass<"approx-act-index-windows"> {
  let summary = "Replace the operand of a max-pooling's gradient by its winners";
  let description = [{
    The gradient of a max-pooling (`stablehlo.select_and_scatter`) reads the whole
    operand, exactly, only to find the greatest element of each window again. The
    pass computes the number of that element, in binary, a boolean tensor of the
    shape of the pooled values for each bit, and scatters by it. The booleans are
    what has to be stored then: 2 bits for a window of 2×2, 4 for one of 3×3.

    Elements are compared in the order and with the comparison of the op, so that
    the winner is the same for equal elements and NaN. Where windows overlap, the
    terms of a sum are added in another order, and gradients change by rounding.

    Applies in the backward pass to gradients of values of the forward pass, with
    windows of at most 64 elements, without padding (a frontend pads the operand
    itself). Others are left alone; what that costs is a remark of
    `approx-act-compress-residuals`.
  }];
  let options = commonOptions;
  let statistics = [
    Statistic<"numIndexed", "indexed", "Gradients that read winners now">,
  ];
}

def CompressResiduals : TrainingStepPass<"approx-act-compress-residuals"> {
  let summary = "Store what crosses from forward to backward as codes";
  let description = [{
    Takes a training step whose forward and backward are one function of one
    block, decides by a minimum cut which values the backward pass finds stored
    and which it computes again, and rewrites the step:

    - each value to be stored as codes is quantized and packed once its last
      consumer in the forward pass is about to run, and tied to that consumer's
      operand by an `approx_act.barrier`, so that it is done there;
    - values of up to 64 KiB of one type that are tied to the same operand are
      stored as one, concatenated in a new first dimension, each with a grid of
      its own: in the body of a loop starting an op takes longer than what the op
      does to so little (not in programs of many partitions);
    - where the backward pass first needs it, the words and their grid are tied
      to the cotangent that arrives there, unpacked and dequantized, and what
      depends on it is computed again from the approximation;
    - arguments of 64 KiB or more that a contraction of the backward pass reads
      are tied to the same cotangent, for a compiler may copy them into another
      layout, or away from where results are written, and would keep the copy
      from the start;
    - booleans are stored in one bit each, or carried by the codes of the value
      whose sign they are.

    The forward pass is not changed: the results named by `forward-results`,
    the loss first, are computed from exact values only.

    The same is done for what crosses from a loop to the loop of its derivative,
    where stacks of values become stacks of codes, in the body of a loop that has
    both passes in every iteration, and for what crosses from a branch of the
    forward pass to the same branch of the backward pass, where the forward
    branches return codes.

    Functions that are called from others, have several blocks or no body are
    left alone; so is a step in which nothing crosses, with a remark. Calls
    should be inlined before (`-approx-act-inline`), and equal masks merged
    (`-cse`).

    Before:

    ```mlir
    %h = "stablehlo.tanh"(%z) : (tensor<8x256xf32>) -> tensor<8x256xf32>
    // … forward, loss, backward …
    %d = "stablehlo.multiply"(%g, %h) : …
    ```

    After:

    ```mlir
    %h = "stablehlo.tanh"(%z) : (tensor<8x256xf32>) -> tensor<8x256xf32>
    %lo, %step = approx_act.grid %h …
    %q = approx_act.quantize %h, %lo, %step : … -> tensor<8x256xi4>
    %w = approx_act.pack %q {dim = 1 : i64} : … -> tensor<8x128xi8>
    %w1, %h1 = approx_act.barrier %w, %h : …
    // … forward with %h1, loss, backward …
    %w2, %lo1, %step1, %g1 = approx_act.barrier %w1, %lo, %step, %g : …
    %q1 = approx_act.unpack %w2 {dim = 1 : i64} : …
    %h2 = approx_act.dequantize %q1, %lo1, %step1 : …
    %d = "stablehlo.multiply"(%g1, %h2) : …
    ```

    Every decision is reported as a remark of category `approx-act`.
  }];
  let dependentDialects = ["::mlir::approx_act::ApproxActDialect",
                           "::mlir::arith::ArithDialect",
                           "::mlir::math::MathDialect",
                           "::mlir::tensor::TensorDialect"];
  let options = commonOptions # [
    Option<"bits", "bits", "unsigned", "4", "Bits per code: 8, 4, 2 or 1">,
    Option<"range", "range", "std::string", "\"auto\"",
      "Interval that a grid divides: normalised (mean ± sigma deviations, where "
      "the program has computed them), minmax, absmax; auto: normalised where it "
      "can be had, else minmax; at 8 bits, where clipping is the larger error, "
      "always minmax, but for programs of many partitions">,
    Option<"sigma", "sigma", "double", "0.0",
      "Half width of a normalised interval in standard deviations, finite; 0: by "
      "bits">,
    Option<"granularity", "granularity", "std::string", "\"auto\"",
      "Elements that share a cell width where the range is computed: tensor, "
      "channel (the last dimension), group; auto: a channel of one example "
      "(the first dimension), along its longest dimension if that has many, of all "
      "examples where one has few elements, or tensor">,
    Option<"groupSize", "group-size", "int64_t", "64",
      "Elements in a group, for granularity=group; where it does not divide the "
      "last dimension, all elements of the value are one group">,
    Option<"rounding", "rounding", "std::string", "\"nearest\"",
      "nearest or stochastic">,
    Option<"seed", "seed", "unsigned", "0", "Seed of stochastic rounding">,
    Option<"minFraction", "min-fraction", "double", "1.0 / 500",
      "The smallest residuals stay exact, as many sizes of them as together "
      "make at most this fraction of the bytes of all residuals">,
  ];
  let statistics = [
    Statistic<"numCodes", "codes", "Values stored as codes">,
    Statistic<"numCarried", "carried-masks", "Masks carried by codes">,
    Statistic<"numMasks", "packed-masks", "Masks stored in one bit">,
    Statistic<"numExact", "exact", "Values left exact">,
    Statistic<"bytesBefore", "bytes-before", "Bytes of all residuals">,
    Statistic<"bytesAfter", "bytes-after", "Bytes stored for them">,
  ];
}

def DelayDraws : Pass<"approx-act-delay-draws", "::mlir::func::FuncOp"> {
  let summary = "Draw random numbers where they are first read";
  let description = [{
    The bits of a dropout depend on a key alone, so a compiler may draw those of
    all layers as soon as the step begins, four bytes for each element of each
    mask, and keep activations waiting meanwhile. The pass ties the key, by an
    `approx_act.barrier`, to the activation that meets the draw first (or to
    what that is computed from, if that is arithmetic). It does so for every op
    but arithmetic and views, loops without effects included, that makes a large
    value of small ones.

    Applies to functions with barriers, that is, after
    `approx-act-compress-residuals` has changed them. Numbers do not change.

    Before:

    ```mlir
    %bits = "stablehlo.while"(%key, …) …
    // …
    %h = "stablehlo.dot"(%x, %w) : …
    %d = "stablehlo.select"(%mask_of_bits, %h, %zero) : …
    ```

    After:

    ```mlir
    %h = "stablehlo.dot"(%x, %w) : …
    %key1, %h1 = approx_act.barrier %key, %h : …
    %bits = "stablehlo.while"(%key1, …) …
    %d = "stablehlo.select"(%mask_of_bits, %h, %zero) : …
    ```
  }];
  let dependentDialects = ["::mlir::approx_act::ApproxActDialect"];
  let statistics = [
    Statistic<"numDelayed", "delayed", "Draws that wait for an activation">,
  ];
}

def DelayFills : Pass<"approx-act-delay-fills", "::mlir::func::FuncOp"> {
  let summary = "Repeat constants where what they are repeated to is read";
  let description = [{
    The zeros that a scatter adds to, or that a loop starts its stacks of
    gradients from, depend on nothing, so a compiler may write those of the
    backward pass as soon as the step begins, and keep them in memory through
    the forward pass. The pass ties the constant, by an `approx_act.barrier`,
    to what the op reads beside it that is computed last (or to what that is
    computed from, if that is arithmetic).

    It does so for every op but arithmetic and views that reads a large value
    made of small constants alone, in bodies of loops and branches too. A large
    value that no small constant is read for (positions, a constant that is
    large itself) stays, and so does what is read with arguments alone.

    Applies to functions with barriers, that is, after
    `approx-act-compress-residuals` has changed them. Numbers do not change.

    Before:

    ```mlir
    %zeros = "stablehlo.broadcast_in_dim"(%zero) … : (tensor<f32>) -> tensor<512x128xf32>
    // …
    %sum = "stablehlo.scatter"(%zeros, %ids, %gradient) …
    ```

    After:

    ```mlir
    // …
    %zero1, %gradient1 = approx_act.barrier %zero, %gradient : …
    %zeros = "stablehlo.broadcast_in_dim"(%zero1) … : (tensor<f32>) -> tensor<512x128xf32>
    %sum = "stablehlo.scatter"(%zeros, %ids, %gradient) …
    ```
  }];
  let dependentDialects = ["::mlir::approx_act::ApproxActDialect"];
  let statistics = [
    Statistic<"numDelayed", "delayed", "Values that wait to be written">,
  ];
}

def SplitExamples : TrainingStepPass<"approx-act-split-examples"> {
  let summary = "Do some examples of the batch after the others";
  let description = [{
    What a step needs most memory for may be values of a few layers that the next
    codes and a small result are made of: the input and the output of a
    convolution before a max-pool, or their gradients. Most of what a layer does,
    it does for each example by itself.

    The pass asks the estimate of `approx-act-print-peak-memory` where most is in
    memory, and for which of the ops around all operands have the examples in one
    dimension (arithmetic, views, windows, contractions, codes and grids of one
    example). It does these ops for a range of the examples after the other, as an
    `approx_act.barrier` says, from where and to where the least is in memory,
    and concatenates what is read of them later. Sums of the backward pass over the
    examples, such as gradients of weights, are added up; what reads them waits for
    the last range.

    No sum of the forward pass is divided, so the loss is what it was, as long as
    an op computes an example in the same way among fewer of them. (A library may
    choose another kernel for a product of fewer rows, and then round differently.)
    Sums of the backward pass change in rounding. A part of the program is split where that is expected to halve the
    memory; then the next. Programs of many partitions are left alone, and so are
    functions without barriers, which `approx-act-compress-residuals` has not
    changed.

    Before:

    ```mlir
    %z = "stablehlo.convolution"(%x, %w) … -> tensor<128x32x32x32xf32>
    %p = "stablehlo.reduce_window"(%z, %init) … -> tensor<128x16x16x32xf32>
    ```

    After:

    ```mlir
    %x0 = "stablehlo.slice"(%x) … -> tensor<32x32x32x3xf32>
    %z0 = "stablehlo.convolution"(%x0, %w) … -> tensor<32x32x32x32xf32>
    %p0 = "stablehlo.reduce_window"(%z0, %init) … -> tensor<32x16x16x32xf32>
    %b:2 = approx_act.barrier %x, %p0 : …
    // … %p1, %p2 and %p3 of the other ranges, each behind a barrier
    %p = "stablehlo.concatenate"(%p0, %p1, %p2, %p3) <{dimension = 0 : i64}> …
    ```
  }];
  let dependentDialects = ["::mlir::approx_act::ApproxActDialect"];
  let options = commonOptions # [
    Option<"maxRanges", "max-ranges", "unsigned", "4",
      "The most parts of a batch">,
    Option<"minBytes", "min-bytes", "int64_t", "1 << 20",
      "The least bytes in memory at a time">,
  ];
  let statistics = [
    Statistic<"numSplit", "split", "Parts of the program done by ranges">,
  ];
}

def SplitContractions
    : Pass<"approx-act-split-contractions", "::mlir::func::FuncOp"> {
  let summary = "Restore a part of an activation at a time where it is summed over";
  let description = [{
    The gradient of a weight is a sum over the examples of a batch. The pass
    writes a contraction that sums over a dimension of a restored activation as
    a sum of contractions of ranges of that dimension. Each range is restored
    when the sum of those before is known, as an `approx_act.barrier` says, so
    that only one is in memory, and one copy of it where a contraction is done
    on transposed operands.

    Contractions are `stablehlo.dot_general` and `stablehlo.convolution`. One is
    split where an operand is arithmetic on codes that nothing else reads; the
    number of ranges is the largest that divides the dimension, is at most
    `max-ranges`, and leaves in each as many bytes as the result has, for so
    many are read and written to add it, and at least `min-bytes`. Results of
    fewer than 32 bits are not split, for their sum would lose digits; nor are
    programs of many partitions, whose devices have ranges of their own. Sums
    change in rounding alone.

    Before:

    ```mlir
    %b:2 = approx_act.barrier %codes, %g : …
    %u = approx_act.unpack %b#0 …
    %h = approx_act.dequantize %u, %lo, %step : …
    %dw = "stablehlo.dot_general"(%h, %b#1) …
    ```

    After:

    ```mlir
    %b:2 = approx_act.barrier %codes, %g : …
    %u = approx_act.unpack %b#0 …
    %h = approx_act.dequantize %u, %lo, %step : …
    %h0 = "stablehlo.slice"(%h) …
    %g0 = "stablehlo.slice"(%b#1) …
    %dw0 = "stablehlo.dot_general"(%h0, %g0) …
    %c:5 = approx_act.barrier %b#0, %lo, %step, %b#1, %dw0 : …
    // … %dw1 of the second range, from %c
    %dw = "stablehlo.add"(%c#4, %dw1) …
    ```
  }];
  let dependentDialects = ["::mlir::approx_act::ApproxActDialect"];
  let options = [
    Option<"maxRanges", "max-ranges", "unsigned", "2",
      "The most parts of a contraction: what is restored at a time takes a half "
      "of its memory in two, and each further one costs time for less">,
    Option<"minBytes", "min-bytes", "int64_t", "1 << 20",
      "The least bytes of a part of the activation">,
  ];
  let statistics = [
    Statistic<"numSplit", "split", "Contractions done by ranges">,
  ];
}

def PrintTurnaround : TrainingStepPass<"approx-act-print-turnaround"> {
  let summary = "Print where forward ends and backward begins";
  let description = [{
    Prints to the standard error how many ops are forward, derived and backward,
    and the last forward op. Changes nothing.
  }];
  let options = commonOptions;
}

def PrintResiduals : TrainingStepPass<"approx-act-print-residuals"> {
  let summary = "Print what crosses from forward to backward";
  let description = [{
    Prints to the standard error every residual with its size, the strictest
    demand of its readers, its last forward and first backward use. Changes
    nothing.
  }];
  let options = commonOptions;
}

def PrintStoragePlan : TrainingStepPass<"approx-act-print-storage-plan"> {
  let summary = "Print what would be stored, and how";
  let description = [{
    Prints to the standard error the decision that
    `approx-act-compress-residuals` would carry out. Changes nothing.
  }];
  let options = commonOptions # [
    Option<"bits", "bits", "unsigned", "4", "Bits per code: 8, 4, 2 or 1">,
    Option<"minFraction", "min-fraction", "double", "1.0 / 500",
      "The smallest residuals stay exact, as many sizes of them as together "
      "make at most this fraction of the bytes of all residuals">,
  ];
}

def PrintPeakMemory : TrainingStepPass<"approx-act-print-peak-memory"> {
  let summary = "Print the live bytes at every op, in program order";
  let description = [{
    Prints to the standard error a table in CSV, `index,op,bytes`, and the peak.
    The estimate runs the ops in program order. Results of views and arithmetic
    that only one side of the turnaround reads take no memory, as a compiler
    that fuses them into their readers gives them none; they keep alive what
    they are computed from. Arguments and results of the function are not
    counted. Changes nothing.
  }];
  let options = commonOptions;
}

#endif // APPROX_ACT_TRANSFORMS_PASSES_TD
