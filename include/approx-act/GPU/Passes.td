//===- Passes.td - From linalg to kernels ------------------*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef APPROX_ACT_GPU_PASSES_TD
#define APPROX_ACT_GPU_PASSES_TD

include "mlir/Pass/PassBase.td"

def LegalizeTypes : Pass<"approx-act-legalize-types", "::mlir::ModuleOp"> {
  let summary = "Leave only types that kernels can have";
  let description = [{
    Takes the sign from integer types, as the ops of linalg do in which it
    matters, and with them the casts between types with a sign and without.
    Indices of a scatter that have no sign get 64 bits, of which they need none
    for it.

    It is an error, at the argument or op, if a public function takes or returns
    a tensor of dynamic shape or with elements that are not of whole bytes (or
    `i1`, or `complex` of f32 or f64), or if a tensor has more bits than a signed
    number of 64 bits can say.

    Before:

    ```mlir
    func.func @main(%x: tensor<8xui8>) -> tensor<8xui8> {
      %0 = builtin.unrealized_conversion_cast %x : tensor<8xui8> to tensor<8xi8>
    ```

    After:

    ```mlir
    func.func @main(%x: tensor<8xi8>) -> tensor<8xi8> {
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect"];
}

def SplitReductions : Pass<"approx-act-split-reductions",
                           "::mlir::func::FuncOp"> {
  let summary = "Make long reductions parallel";
  let description = [{
    Replaces each reduction (a `linalg` op on tensors of static shape) of more
    than `max-whole` elements by two: of parts of at most `max-part` elements,
    and of the results of the parts. Run it again for very long ones. Elements
    of a part lie as far apart as there are parts. The order in which elements
    are combined is fixed by the shapes, so every run gives the same bits; it is
    another order than before.

    The threads of a block combine the elements of a part together. A reduction
    with so many results that there are blocks enough stays whole, and so does
    one whose combiner is not known to be associative. Of a contraction, of
    which a thread has an element, only as many parts are made as give threads
    enough.

    A reduction of one element each, which is left of the derivative of a
    broadcast, becomes a view of its operand.

    Before:

    ```mlir
    %s = linalg.generic {iterator_types = ["reduction", "parallel"], …}
        ins(%x : tensor<32768x64xf32>) outs(%zero : tensor<64xf32>) …
    ```

    After:

    ```mlir
    %p = linalg.generic {indexing_maps = [(d0, d1, d2) -> (d0 + d1 * 256, d2), (d0, d1, d2) -> (d0, d2)],
        iterator_types = ["parallel", "reduction", "parallel"]}
        ins(%x : tensor<32768x64xf32>) outs(%zeros : tensor<256x64xf32>) …
    %s = linalg.generic {iterator_types = ["reduction", "parallel"], …}
        ins(%p : tensor<256x64xf32>) outs(%zero : tensor<64xf32>) …
    ```
  }];
  let dependentDialects = ["::mlir::affine::AffineDialect",
                           "::mlir::arith::ArithDialect",
                           "::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect"];
  let options = [
    Option<"maxPart", "max-part", "int64_t", "512",
      "Elements that are combined to one in the first of the two">,
    Option<"maxWhole", "max-whole", "int64_t", "2048",
      "Elements that may be combined to one at a time">,
  ];
  let statistics = [
    Statistic<"numSplit", "split", "Reductions split">,
    Statistic<"numWhole", "whole", "Long reductions left as they are">,
  ];
}

def MatchContractions : Pass<"approx-act-match-contractions",
                             "::mlir::func::FuncOp"> {
  let summary = "Recognise products and convolutions that the runtime does";
  let description = [{
    Replaces contractions of f32 (`linalg` ops on tensors of static shape that
    add products of two operands, from zero) by `approx_act.gemm` and
    `approx_act.convolution`, which become calls of libraries. What a contraction
    is follows from where its loops are: a convolution has an index that is a sum
    of two loops, and whether it is one forward, or the gradient of one with
    respect to its input or its filter, is seen from the signs and the sizes.
    Groups, which are loops of all three tensors, may be as many as channels.

    Transposes, reversals, reshapes, padding and dilation with zeros, and
    cropping in front of an operand become part of the description, and the
    operand is what they are made of, as far as the description can say it; the
    rest stays as it is. A product whose dimensions cannot be described by a
    batch, rows and columns has the operand in question, or its result, copied
    to such an order.

    What the runtime cannot do stays as it is and becomes a kernel, with a
    remark (`contraction`, category `approx-act`) that says why.

    Before:

    ```mlir
    %t = linalg.generic … ins(%b : tensor<10x64xf32>) outs(%e : tensor<64x10xf32>) // transpose
    %c = linalg.matmul ins(%a, %t : tensor<32x64xf32>, tensor<64x10xf32>)
        outs(%zero : tensor<32x10xf32>) -> tensor<32x10xf32>
    ```

    After:

    ```mlir
    %c = approx_act.gemm ins(%a, %b : tensor<32x64xf32>, tensor<10x64xf32>)
        outs(%e : tensor<32x10xf32>) {sizes = array<i64: 1, 32, 10, 64>, …
          rhs_strides = array<i64: 1, 1, 64>, …} -> tensor<32x10xf32>
    ```
  }];
  let dependentDialects = ["::mlir::approx_act::ApproxActDialect",
                           "::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect"];
  let statistics = [
    Statistic<"numMatched", "matched", "Contractions for the runtime">,
    Statistic<"numLeft", "left", "Contractions left to kernels">,
  ];
}

def KeepSmall : Pass<"approx-act-keep-small", "::mlir::func::FuncOp"> {
  let summary = "Keep small values rather than compute them again";
  let description = [{
    Replaces a value by an earlier one of the same block that is computed by the
    same op from the same operands, where these count as the same if nothing but
    barriers of `approx_act` is between. Recomputations in the backward pass start
    behind a barrier, which is right for activations; parameters of channels, such
    as the reciprocal of a deviation, cost less to keep than a launch. So values
    of more than `max-elements` elements stay as they are, and those of more than
    a sixteenth of the largest value that waits at a barrier.

    Run it after the last `cse`: large values that are computed from small ones
    alone (random numbers, repeated constants) would be found equal then.

    Before:

    ```mlir
    %r = linalg.generic … ins(%variance : tensor<64xf32>) … { … math.rsqrt … }
    …
    %b:2 = approx_act.barrier %variance, %g : tensor<64xf32>, tensor<32x64xf32>
    %s = linalg.generic … ins(%b#0 : tensor<64xf32>) … { … math.rsqrt … }
    ```

    After: uses of `%s` are uses of `%r`.
  }];
  let options = [
    Option<"maxElements", "max-elements", "int64_t", "4096",
      "Elements of the largest value that is kept">,
  ];
  let statistics = [
    Statistic<"numKept", "kept", "Ops that are not done again">,
  ];
}

def FormKernels : Pass<"approx-act-form-kernels", "::mlir::func::FuncOp"> {
  let summary = "Group ops on tensors into kernels";
  let description = [{
    Decides which values are ever in memory, and makes an `approx_act.kernel` of
    all that one launch computes. Expects a function of one block of `linalg`,
    `tensor` and `arith` ops on tensors of static shape, and the barriers of
    `approx_act`; other ops stay as they are, and what they read is in memory.

    In memory are: what is returned, what goes through a barrier, results of
    reductions and contractions, and what would otherwise be computed over and
    over: operands of contractions, parameters that many elements read, and what
    an op with a loop in its body searches, which another kernel writes. A
    value that several ops read is in memory if reading it is cheaper than
    computing it again. Everything else exists in registers only, in each
    kernel that reads it.

    Results whose loops agree come out of one kernel: values of one shape that
    are computed from each other or from the same, and an activation together
    with its packed codes. So the normalisation, the ReLU, the quantization and
    the packing of a layer become one kernel with two results, and unpacking,
    restoring and recomputing are part of each kernel that reads the codes.

    A kernel may do what is before and behind a barrier if that lets nothing
    large live longer: sums wait for others of the same elements, which restore
    what they multiply, and parameters of channels are computed as soon as what
    they are computed from is there.

    Barriers are gone afterwards: what they order is in memory, and stays where
    it is.

    Before:

    ```mlir
    %y = linalg.generic … ins(%x) outs(%e : tensor<64x256xf32>) { … arith.maximumf … }
    %q = linalg.generic … ins(%x, %lo, %inverse) outs(%f : tensor<64x256xi4>) …
    %q0 = tensor.extract_slice %q[0, 0] [64, 128] [1, 1] : …
    %q1 = tensor.extract_slice %q[0, 128] [64, 128] [1, 1] : …
    %w = linalg.generic … ins(%q0, %q1) outs(%g : tensor<64x128xi8>) …
    %b:2 = approx_act.barrier %w, %y : …
    ```

    After:

    ```mlir
    %k:2 = approx_act.kernel "save_max" ins(%x, %lo, %inverse : …) outs(%e, %g : …) {
      …
      approx_act.yield %y, %w : tensor<64x256xf32>, tensor<64x128xi8>
    } -> tensor<64x256xf32>, tensor<64x128xi8>
    ```
  }];
  let dependentDialects = ["::mlir::approx_act::ApproxActDialect",
                           "::mlir::tensor::TensorDialect"];
  let statistics = [
    Statistic<"numKernels", "kernels", "Kernels formed">,
    Statistic<"numValues", "values", "Values that kernels write to memory">,
    Statistic<"numMerged", "merged", "Kernels that became part of another">,
  ];
}

def Schedule : Pass<"approx-act-schedule", "::mlir::func::FuncOp"> {
  let summary = "Order kernels so that less memory is live";
  let description = [{
    Moves ops of a function of one block (kernels, contractions and views on
    tensors) where their operands and results allow it. One that makes more
    bytes than it is the last to use goes to just before its first user: a kernel
    that restores an activation waits for the contraction that reads it. One that
    uses up more than it makes goes to just behind what it needs: the update of a
    parameter follows its gradient. No move makes more bytes live at any time.

    The remark `schedule` (category `approx-act`) has the number of moves and the
    greatest sum of live bytes before and after, as far as it is in the arena and
    not counting that results take the place of operands.

    Before:

    ```mlir
    %x = approx_act.kernel "restore" ins(%codes : tensor<64x32xi8>) …
    %y = approx_act.kernel "exp" ins(%g : tensor<64x64xf32>) …
    %w = approx_act.gemm ins(%x, %y : …) …
    ```

    After:

    ```mlir
    %y = approx_act.kernel "exp" ins(%g : tensor<64x64xf32>) …
    %x = approx_act.kernel "restore" ins(%codes : tensor<64x32xi8>) …
    %w = approx_act.gemm ins(%x, %y : …) …
    ```
  }];
  let statistics = [
    Statistic<"numMoved", "moved", "Moves of ops that compute">,
  ];
}

def BufferizeKernels : Pass<"approx-act-bufferize", "::mlir::ModuleOp"> {
  let summary = "Give tensors between kernels memory";
  let description = [{
    Runs upstream's one-shot bufferization on everything but the bodies of
    kernels, which stay on tensors because nothing in them is in memory.
    Memory has identity layout.

    A public function gets the [calling convention](../gpu.md) of programs that
    can be run: each result becomes an argument after the others, into which it
    is computed, or copied if it is an argument or is returned twice. Types of
    both are listed in attributes. Constants, which are the host's memory, are
    copied. Of what the host reads, such as what a choice depends on, the element
    is copied, picked by a kernel where there are others.

    Before:

    ```mlir
    func.func @main(%x: tensor<8xf32>) -> tensor<8xf32> {
      %e = tensor.empty() : tensor<8xf32>
      %k = approx_act.kernel "add" ins(%x : tensor<8xf32>) outs(%e : tensor<8xf32>) …
      return %k : tensor<8xf32>
    }
    ```

    After:

    ```mlir
    func.func @main(%x: memref<8xf32>, %r: memref<8xf32>) attributes {
        approx_act.arguments = [memref<8xf32>], approx_act.results = [memref<8xf32>],
        llvm.emit_c_interface} {
      approx_act.kernel "add" ins(%x : memref<8xf32>) outs(%r : memref<8xf32>) …
      return
    }
    ```

    Fails where an op on tensors that is not in a kernel cannot be bufferized.
  }];
  let dependentDialects = ["::mlir::approx_act::ApproxActDialect",
                           "::mlir::bufferization::BufferizationDialect",
                           "::mlir::memref::MemRefDialect",
                           "::mlir::tensor::TensorDialect"];
}

def PlanMemory : Pass<"approx-act-plan-memory", "::mlir::func::FuncOp"> {
  let summary = "Put all buffers of a function into one arena";
  let description = [{
    Replaces every `memref.alloc` of static shape in the function's block, or in
    the body of a loop, by a view into one buffer, the arena, which is allocated
    with `gpu.alloc` at the start and freed at the end, and `memref.copy` by
    `gpu.memcpy`. Buffers whose lifetimes (from the first to the last op that
    uses them, or a view of them) do not meet may share memory; what a loop uses
    of what is outside of it lives as long as the loop. An elementwise kernel
    writes its result to the memory of an operand that nobody reads later, where
    each element is read by the thread that overwrites it.

    What is copied is computed where it is copied to if that is free for as long:
    what a loop hands on to its next step in the memory that the step reads, and
    an element of a stack in the stack.

    Buffers get the lowest offset that is free for their whole life, in the
    order of size. The peak, which is the size of the arena, and the lower bound,
    which is the greatest sum of live bytes, are reported by a remark
    (`memory-plan`, category `approx-act`) and by statistics.

    Before:

    ```mlir
    %a = memref.alloc() : memref<64x256xf32>
    approx_act.kernel "add" ins(%x : memref<64x256xf32>) outs(%a : memref<64x256xf32>) …
    ```

    After:

    ```mlir
    %arena = gpu.alloc () : memref<131072xi8>
    %a = memref.view %arena[%c65536][] : memref<131072xi8> to memref<64x256xf32>
    approx_act.kernel "add" ins(%x : memref<64x256xf32>) outs(%a : memref<64x256xf32>) …
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::gpu::GPUDialect",
                           "::mlir::memref::MemRefDialect"];
  let options = [
    Option<"alignment", "alignment", "int64_t", "256",
      "Bytes that the offset of every buffer is a multiple of">,
    Option<"inPlace", "in-place", "bool", "true",
      "Whether a result may take the memory of an operand">,
    Option<"print", "print", "bool", "false",
      "Print the plan to the standard error, as CSV: buffer, type, bytes, "
      "offset, first and last op">,
  ];
  let statistics = [
    Statistic<"numBuffers", "buffers", "Buffers planned">,
    Statistic<"numCopies", "copies", "Copies computed where they are copied to">,
    Statistic<"numInPlace", "in-place", "Results in the memory of an operand">,
    Statistic<"peakBytes", "peak", "Bytes of the arena">,
    Statistic<"boundBytes", "lower-bound", "Greatest sum of live bytes">,
  ];
}

def ConvertKernelsToGPU : Pass<"convert-approx-act-kernels-to-gpu",
                               "::mlir::ModuleOp"> {
  let summary = "Lower kernels on memory to gpu functions and launches";
  let description = [{
    Makes a `gpu.func` of every `approx_act.kernel` on memory, all in one
    `gpu.module`, and a `gpu.launch_func` in its place. Functions are named by
    the labels of kernels, with a number; equal kernels of one label share one.

    A thread computes neighbouring elements along the innermost dimension: as
    many as make 128 bits of the widest type, or up to 8 where there are packed
    words, if the size of the dimension is a multiple of it, and accesses memory
    in vectors of up to 128 bits where neighbours are neighbours in memory.
    Elements of operands are computed where they are read, and once where they
    are read twice. A thread of a kernel that writes codes together with the
    activation, or reads packed words, computes all elements of a word. Where
    operands are the same from row to row, and rows are many, a thread goes over
    several rows, and what is the same is before that loop.

    The threads of a block share the elements of a reduction whose combiner is
    known to be associative: each combines some, as far apart as there are
    threads to share them, warps combine what their threads have by shuffles,
    and the block by shared memory, in an order that the shapes alone decide. Other reductions are loops of one thread. In
    both, equal loops are one.

    Integer arithmetic on positions has 32 bits unless a tensor of some kernel,
    in memory or not, has 2^31 elements or more, or a reduction of one combines
    so many.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::DLTIDialect",
                           "::mlir::gpu::GPUDialect",
                           "::mlir::LLVM::LLVMDialect",
                           "::mlir::math::MathDialect",
                           "::mlir::memref::MemRefDialect",
                           "::mlir::NVVM::NVVMDialect",
                           "::mlir::scf::SCFDialect",
                           "::mlir::vector::VectorDialect"];
  let options = [
    Option<"blockSize", "block-size", "int64_t", "128",
      "Threads of a block; where these reduce together, up to 4 times as many">,
  ];
  let statistics = [
    Statistic<"numKernels", "kernels", "Functions made">,
    Statistic<"numShared", "shared", "Launches of a function made before">,
    Statistic<"numVector", "vectorised", "Functions with vector accesses">,
  ];
}

def ThreadStream : Pass<"approx-act-thread-stream", "::mlir::ModuleOp"> {
  let summary = "Put launches, copies and contractions on one stream";
  let description = [{
    Makes a stream at the start of each function, puts all that is asynchronous
    on it, also in loops and branches, and waits for it at the end. Before the
    host reads what was copied to it, it waits for what is on the stream.

    Before:

    ```mlir
    scf.for %i = %c0 to %n step %c1 {
      gpu.launch_func @kernels::@step …
    }
    ```

    After:

    ```mlir
    %stream = gpu.wait async
    scf.for %i = %c0 to %n step %c1 {
      %0 = gpu.launch_func async [%stream] @kernels::@step …
    }
    gpu.wait [%stream]
    ```
  }];
  let dependentDialects = ["::mlir::gpu::GPUDialect",
                           "::mlir::LLVM::LLVMDialect"];
}

def WidenWords : Pass<"approx-act-widen-words", "::mlir::gpu::GPUModuleOp"> {
  let summary = "Do arithmetic on packed words in registers of 32 bits";
  let description = [{
    A vector of bytes has no registers of its own on a GPU: each element takes
    one of 16 or 32 bits, and is put in and taken out one by one. This pass
    replaces what packs codes into bytes, and what takes them out, by arithmetic
    on 32-bit integers that hold four bytes: codes are shifted to their places
    and added, where it is known that they do not overlap; summands that depend
    on no iteration of the loop around are added up separately, so that they can
    leave it. A code that is put among the bits of a constant (`ori`, whose last
    byte is zero), to become a number, is put there by `nvvm.prmt`.

    Before:

    ```mlir
    %b = vector.load %words[%i] : memref<128xi8>, vector<4xi8>
    %s = arith.shrui %b, %c4 : vector<4xi8>
    %q = arith.trunci %s : vector<4xi8> to vector<4xi4>
    %x = arith.uitofp %q : vector<4xi4> to vector<4xf32>
    ```

    After:

    ```mlir
    %b = vector.load %words[%i] : memref<128xi8>, vector<4xi8>
    %v = vector.bitcast %b : vector<4xi8> to vector<1xi32>
    %w = vector.extract %v[0] : i32 from vector<1xi32>
    %s0 = arith.shrui %w, %c4 : i32
    %q0 = arith.andi %s0, %c15 : i32
    …
    %q = vector.from_elements %q0, %q1, %q2, %q3 : vector<4xi32>
    %x = arith.uitofp %q : vector<4xi32> to vector<4xf32>
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::NVVM::NVVMDialect",
                           "::mlir::vector::VectorDialect"];
}

def AttachTarget : Pass<"approx-act-attach-target", "::mlir::ModuleOp"> {
  let summary = "Say which chips the kernels are compiled for";
  let description = [{
    Attaches an NVVM target per chip to each `gpu.module`, as upstream's
    `nvvm-attach-target` does, and fails with a diagnostic where a later stage
    would stop the process: a chip that LLVM or the CUDA toolkit does not know.
    The version of PTX is the least that has the chip. The module itself says
    what will run it, in its attribute `approx_act.device`, for a program need
    not have kernels: products alone are calls of the runtime.
  }];
  let dependentDialects = ["::mlir::NVVM::NVVMDialect"];
  let options = [
    ListOption<"chips", "chips", "std::string",
      "The chips, such as sm_90; a binary has an object for each">,
    Option<"optLevel", "opt-level", "unsigned", "3",
      "How much LLVM optimises kernels, 0 to 3">,
    Option<"device", "device", "std::string", "\"cuda\"",
      "What runs the program: cuda, or cpu, which takes the chips' bitcode">,
  ];
}

def ExpandMaximum : Pass<"approx-act-expand-maximum",
                         "::mlir::gpu::GPUModuleOp"> {
  let summary = "Compare with constants where a chip has no maximum";
  let description = [{
    Chips before sm_80 have no instruction for a maximum or a minimum that hands
    on NaN, and LLVM makes five of each for them. Where one operand is a
    constant that is a number, two do: a comparison and a selection. Nothing is
    changed in a module that is not compiled for such a chip, nor for a constant
    zero that is the lesser of the two zeros (of a minimum, the greater).

    Before:

    ```mlir
    %y = arith.maximumf %x, %zero : f32
    ```

    After:

    ```mlir
    %c = arith.cmpf ugt, %x, %zero : f32
    %y = arith.select %c, %x, %zero : f32
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect"];
}

def CheckDevice : Pass<"approx-act-check-device", "::mlir::ModuleOp"> {
  let summary = "Report what no device can run and what the toolkit lacks";
  let description = [{
    Runs on launches and on kernels in NVVM's form, before they are compiled.
    It is an error

    - if a launch has more blocks than a CUDA device takes, or more than 4096
      bytes of pointers and numbers;
    - if a kernel computes with elements that NVVM has no form for, such as
      floats of 8 bits, which can be moved only;
    - if `toolkit` is no directory;
    - with `needs-toolkit`, if a kernel calls a function of libdevice that is not
      in the CUDA toolkit (that of the option, or else of the environment):
      upstream's serialization links libdevice only if it is there, and ptxas or
      the driver would complain without a location.
  }];
  let options = [
    Option<"toolkit", "toolkit", "std::string", "\"\"",
      "Root of the CUDA toolkit; default: that of the environment">,
    Option<"needsToolkit", "needs-toolkit", "bool", "false",
      "Whether kernels become PTX or machine code">,
  ];
}

def MergeObjects : Pass<"approx-act-merge-objects", "::mlir::ModuleOp"> {
  let summary = "Make one fatbin of the objects of several chips";
  let description = [{
    A `gpu.binary` that is compiled for several chips has an object for each, of
    which the host's program loads the first. This pass puts the images of
    all, machine code and PTX, into one fatbin, in which the driver finds
    what its device runs; they are those that `fatbinary` makes of all at once.
    Objects of another format are an error. How long it took to compile an
    object, which upstream notes in its properties, is removed.
  }];
}

#endif // APPROX_ACT_GPU_PASSES_TD
