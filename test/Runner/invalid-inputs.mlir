// Files that do not fit are errors that say what was expected and what was found.

// RUN: %lower-gpu %s -o %t.mlir
// RUN: %arrays save %t.good.npy "ones((2, 3), float32)" \
// RUN:   , save %t.shape.npy "ones((3, 2), float32)" \
// RUN:   , save %t.type.npy "ones((2, 3), float64)" \
// RUN:   , save %t.int.npy "ones((2, 3), int32)" \
// RUN:   , save %t.order.npy "asfortranarray(arange(6, dtype=float32).reshape(2, 3))" \
// RUN:   , save %t.endian.npy "ones((2, 3), '>f4')" \
// RUN:   , save %t.text.npy "full((2, 3), 'one')"

// RUN: not approx-act-runner %t.mlir 2>&1 | FileCheck %s --check-prefix=NONE
// NONE: error: argument 0 has no input

// RUN: not approx-act-runner %t.mlir --input=%t.missing.npy 2>&1 | FileCheck %s --check-prefix=MISSING
// MISSING: error: cannot open input file '{{.*}}missing.npy': No such file or directory

// RUN: not approx-act-runner %t.mlir --input=%t.shape.npy 2>&1 | FileCheck %s --check-prefix=SHAPE
// SHAPE: shape.npy: argument 0 is an array <f4[2, 3], found <f4[3, 2]

// RUN: not approx-act-runner %t.mlir --input=%t.type.npy 2>&1 | FileCheck %s --check-prefix=TYPE
// TYPE: type.npy: argument 0 is an array <f4[2, 3], found <f8[2, 3]

// RUN: not approx-act-runner %t.mlir --input=%t.int.npy 2>&1 | FileCheck %s --check-prefix=INT
// INT: int.npy: argument 0 is an array <f4[2, 3], found <i4[2, 3]

// RUN: not approx-act-runner %t.mlir --input=%t.order.npy 2>&1 | FileCheck %s --check-prefix=ORDER
// ORDER: order.npy: the array <f4[2, 3] is in Fortran's order; save it in C order (numpy.ascontiguousarray)

// RUN: not approx-act-runner %t.mlir --input=%t.endian.npy 2>&1 | FileCheck %s --check-prefix=ENDIAN
// ENDIAN: endian.npy: elements of type '>f4' are big-endian; save the array in little-endian order

// RUN: not approx-act-runner %t.mlir --input=%t.text.npy 2>&1 | FileCheck %s --check-prefix=TEXT
// TEXT: text.npy: elements of type '<U3' are not supported

// RUN: head -c 140 %t.good.npy > %t.short.npy
// RUN: not approx-act-runner %t.mlir --input=%t.short.npy 2>&1 | FileCheck %s --check-prefix=SHORT
// SHORT: short.npy: an array <f4[2, 3] has 24 bytes, the file has 12 of them

// RUN: head -c 40 %t.good.npy > %t.header.npy
// RUN: not approx-act-runner %t.mlir --input=%t.header.npy 2>&1 | FileCheck %s --check-prefix=HEADER
// HEADER: header.npy: the file ends within its header

// RUN: %python %S/Inputs/damaged.py %t
// RUN: not approx-act-runner %t.mlir --input=%t.open.npy 2>&1 | FileCheck %s --check-prefix=OPEN
// OPEN: open.npy: the header ends within the shape

// RUN: not approx-act-runner %t.mlir --input=%t.one.npy 2>&1 | FileCheck %s --check-prefix=ONE
// ONE: one.npy: 'fortran_order' is neither True nor False

// RUN: not approx-act-runner %t.mlir --input=%s 2>&1 | FileCheck %s --check-prefix=MAGIC
// MAGIC: invalid-inputs.mlir: not a .npy file: it does not start with \x93NUMPY

// RUN: not approx-act-runner %t.mlir --input=%t.good.npy --input=%t.good.npy 2>&1 | FileCheck %s --check-prefix=MANY
// MANY: good.npy: an array for argument 1; the function has 1

// RUN: %python -c "import numpy as np; np.savez_compressed(r'%t.zip.npz', np.ones((2, 3), 'f4')); np.savez(r'%t.names.npz', x=np.ones((2, 3), 'f4'))"
// RUN: not approx-act-runner %t.mlir --input=%t.zip.npz 2>&1 | FileCheck %s --check-prefix=COMPRESSED
// COMPRESSED: zip.npz: 'arr_0.npy' is compressed; write the archive with numpy.savez
// RUN: not approx-act-runner %t.mlir --input=%t.names.npz 2>&1 | FileCheck %s --check-prefix=NAMES
// NAMES: names.npz: expected arrays named arr_0, arr_1, ..., found 'x'
// An entry of which a bit is wrong, and one that is there twice; folders are none.
// RUN: not approx-act-runner %t.mlir --input=%t.bit.npz 2>&1 | FileCheck %s --check-prefix=BIT
// BIT: bit.npz: 'arr_0.npy' is damaged: its checksum is wrong
// RUN: not approx-act-runner %t.mlir --input=%t.twice.npz 2>&1 | FileCheck %s --check-prefix=TWICE
// RUN: not approx-act-runner %t.mlir --input=%t.folder.npz --input=%t.good.npy 2>&1 | FileCheck %s --check-prefix=TWICE
// TWICE: a second array for argument 0
// RUN: approx-act-runner %t.mlir --input=%t.folder.npz
// RUN: cp %t.good.npy %t.plain.npz
// RUN: not approx-act-runner %t.mlir --input=%t.plain.npz 2>&1 | FileCheck %s --check-prefix=ARCHIVE
// ARCHIVE: plain.npz: not a .npz file: it is not a zip archive

// RUN: not approx-act-runner %t.mlir --input=%t.good.npy --output=%t.a.npy --output=%t.b.npy 2>&1 | FileCheck %s --check-prefix=OUTPUTS
// OUTPUTS: b.npy: a file for result 1; the function has 1

// What cannot be written is known before anything runs.
// RUN: not approx-act-runner %t.mlir --input=%t.good.npy --warmup=4000000000 --output=%t.none/y.npy 2>&1 | FileCheck %s --check-prefix=WRITE
// RUN: not approx-act-runner %t.mlir --input=%t.good.npy --warmup=4000000000 --trace=%t.none/y.json 2>&1 | FileCheck %s --check-prefix=WRITE
// WRITE: error: cannot open output file '{{.*}}none/y.{{npy|json}}': No such file or directory

// Of no run there are no results.
// RUN: rm -f %t.y.npy
// RUN: not approx-act-runner %t.mlir --input=%t.good.npy --repeat=0 --output=%t.y.npy 2>&1 | FileCheck %s --check-prefix=REPEAT
// REPEAT: error: --repeat: the function runs at least once
// RUN: not ls %t.y.npy

// RUN: not approx-act-runner %t.mlir --input=%t.good.npy --feed=0:1 2>&1 | FileCheck %s --check-prefix=FEED
// FEED: error: --feed: there is no argument 1 to feed
// RUN: not approx-act-runner %t.mlir --input=%t.good.npy --feed=0 2>&1 | FileCheck %s --check-prefix=PAIR
// PAIR: error: --feed: expected <result>:<argument>, found '0'
// RUN: not approx-act-runner %t.mlir --input=%t.good.npy --feed=0:0 2>&1 | FileCheck %s --check-prefix=FIT
// FIT: error: --feed: result 0 is an array <f4[3, 2], argument 0 is an array <f4[2, 3]

module {
  func.func @main(%x: memref<2x3xf32>, %y: memref<3x2xf32>) attributes {
      llvm.emit_c_interface,
      approx_act.arguments = [memref<2x3xf32>],
      approx_act.results = [memref<3x2xf32>]} {
    return
  }
}
