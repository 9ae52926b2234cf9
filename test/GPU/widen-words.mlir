// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: approx-act-opt --pass-pipeline="builtin.module(gpu.module(approx-act-widen-words))" --split-input-file %s | FileCheck %s

// Codes that become the last bits of a number: each is one permutation of bytes,
// from words that have been shifted and masked four codes at a time.
gpu.module @unpack {
  // CHECK-LABEL: gpu.func @number
  // CHECK-DAG: %[[MASK:.+]] = arith.constant 505290270 : i32
  // CHECK-DAG: %[[MAGIC:.+]] = arith.constant 1249902592 : i32
  // CHECK: %[[B:.+]] = vector.load
  // CHECK: %[[V:.+]] = vector.bitcast %[[B]] : vector<8xi8> to vector<2xi32>
  // CHECK: %[[W:.+]] = vector.extract %[[V]][0]
  // CHECK: %[[S:.+]] = arith.shrui %[[W]], %c3_i32
  // CHECK: %[[M:.+]] = arith.andi %[[S]], %[[MASK]]
  // CHECK: nvvm.prmt <default> %c30288_i32, %[[M]], %[[MAGIC]] : i32
  // CHECK: nvvm.prmt <default> %c30289_i32, %[[M]], %[[MAGIC]] : i32
  // CHECK-COUNT-6: nvvm.prmt
  // CHECK-NOT: nvvm.prmt
  // CHECK-NOT: vector<8xi4>
  gpu.func @number(%words: memref<128xi8>, %out: memref<128xi32>, %i: index) kernel {
    %four = arith.constant dense<4> : vector<8xi8>
    %one = arith.constant dense<1> : vector<8xi32>
    %magic = arith.constant dense<0x4A800000> : vector<8xi32>
    %b = vector.load %words[%i] : memref<128xi8>, vector<8xi8>
    %s = arith.shrui %b, %four : vector<8xi8>
    %q = arith.trunci %s : vector<8xi8> to vector<8xi4>
    %w = arith.extui %q : vector<8xi4> to vector<8xi32>
    %t = arith.shli %w, %one : vector<8xi32>
    %r = arith.ori %t, %magic : vector<8xi32>
    vector.store %r, %out[%i] : memref<128xi32>, vector<8xi32>
    gpu.return
  }

  // By an amount that is known when the kernel runs, for all the same.
  // CHECK-LABEL: gpu.func @anywhere
  // CHECK: %[[N:.+]] = arith.extui %{{.+}} : i8 to i32
  // CHECK: %[[BYTE:.+]] = arith.shrui %c255_i32, %[[N]] : i32
  // CHECK: %[[BYTES:.+]] = arith.muli %[[BYTE]], %c16843009_i32 : i32
  // CHECK: %[[S:.+]] = arith.shrui %{{.+}}, %[[N]] : i32
  // CHECK: arith.andi %[[S]], %[[BYTES]] : i32
  // CHECK: arith.andi %{{.+}}, %c252645135_i32
  // CHECK: vector.from_elements {{.*}} : vector<4xi32>
  // CHECK: arith.uitofp %{{.+}} : vector<4xi32> to vector<4xf32>
  gpu.func @anywhere(%words: memref<128xi8>, %out: memref<128xf32>, %i: index, %n: i8) kernel {
    %b = vector.load %words[%i] : memref<128xi8>, vector<4xi8>
    %a = vector.broadcast %n : i8 to vector<4xi8>
    %s = arith.shrui %b, %a : vector<4xi8>
    %q = arith.trunci %s : vector<4xi8> to vector<4xi4>
    %x = arith.uitofp %q : vector<4xi4> to vector<4xf32>
    vector.store %x, %out[%i] : memref<128xf32>, vector<4xf32>
    gpu.return
  }

  // Two bytes fill no register; what was not loaded may be in registers already;
  // and a constant with its last byte in use has no room.
  // CHECK-LABEL: gpu.func @left_alone
  // CHECK-NOT: vector.bitcast
  // CHECK-NOT: nvvm.prmt
  // CHECK: gpu.return
  gpu.func @left_alone(%words: memref<128xi8>, %out: memref<128xf32>, %more: memref<128xi32>, %i: index, %v: vector<4xi8>) kernel {
    %b = vector.load %words[%i] : memref<128xi8>, vector<2xi8>
    %q = arith.trunci %b : vector<2xi8> to vector<2xi4>
    %x = arith.uitofp %q : vector<2xi4> to vector<2xf32>
    vector.store %x, %out[%i] : memref<128xf32>, vector<2xf32>
    %p = arith.trunci %v : vector<4xi8> to vector<4xi4>
    %w = arith.extui %p : vector<4xi4> to vector<4xi32>
    %c = arith.constant dense<0x4A800080> : vector<4xi32>
    %r = arith.ori %w, %c : vector<4xi32>
    vector.store %r, %more[%i] : memref<128xi32>, vector<4xi32>
    gpu.return
  }
}

// -----

gpu.module @pack {
  // Two codes of a byte; what does not change from row to row is added up by
  // itself, and in what does nothing is masked.
  // CHECK-LABEL: gpu.func @codes
  // CHECK: scf.for
  // CHECK-NOT: vector<4xi8>
  // CHECK-NOT: arith.andi
  // CHECK: %[[A:.+]] = vector.extract %{{.+}}[0] : i32 from vector<4xi32>
  // CHECK: arith.shli %{{.+}}, %c4_i32 : i32
  // CHECK: arith.shli %{{.+}}, %c28_i32 : i32
  // CHECK: %[[TOTAL:.+]] = arith.addi
  // CHECK: %[[VALUE:.+]] = vector.bitcast %{{.+}} : vector<1xi32> to vector<4xi8>
  // CHECK: vector.store %[[VALUE]]
  gpu.func @codes(%x: memref<128xi32>, %first: vector<4xi32>, %words: memref<128xi8>) kernel {
    %c0 = arith.constant 0 : index
    %c4 = arith.constant 4 : index
    %c128 = arith.constant 128 : index
    %four = arith.constant dense<4> : vector<4xi8>
    scf.for %i = %c0 to %c128 step %c4 {
      %k = vector.load %x[%i] : memref<128xi32>, vector<4xi32>
      %s = arith.addi %first, %k : vector<4xi32>
      %q = arith.trunci %s overflow<nuw> : vector<4xi32> to vector<4xi4>
      %p = arith.trunci %k overflow<nuw> : vector<4xi32> to vector<4xi4>
      %a = arith.extui %q : vector<4xi4> to vector<4xi8>
      %b = arith.extui %p : vector<4xi4> to vector<4xi8>
      %c = arith.shli %b, %four : vector<4xi8>
      %d = arith.ori %a, %c : vector<4xi8>
      vector.store %d, %words[%i] : memref<128xi8>, vector<4xi8>
    }
    gpu.return
  }

  // A conversion that may lose bits needs a mask; codes that overlap are no sum.
  // CHECK-LABEL: gpu.func @masked
  // CHECK: arith.andi %{{.+}}, %{{.+}} : vector<4xi32>
  // CHECK: vector.bitcast
  // CHECK: arith.ori {{.*}} : vector<4xi8>
  // CHECK-NOT: vector.bitcast
  gpu.func @masked(%x: vector<4xi32>, %words: memref<128xi8>, %i: index) kernel {
    %q = arith.trunci %x : vector<4xi32> to vector<4xi8>
    vector.store %q, %words[%i] : memref<128xi8>, vector<4xi8>
    %two = arith.constant dense<2> : vector<4xi8>
    %p = arith.trunci %x : vector<4xi32> to vector<4xi4>
    %a = arith.extui %p : vector<4xi4> to vector<4xi8>
    %b = arith.shli %a, %two : vector<4xi8>
    %c = arith.ori %a, %b : vector<4xi8>
    vector.store %c, %words[%i] : memref<128xi8>, vector<4xi8>
    gpu.return
  }
}

// -----

// Of a byte, fewer bits may be left than a code has: none of the next byte is.
gpu.module @high {
  // CHECK-LABEL: gpu.func @two_bits
  // CHECK: arith.shrui %{{.+}}, %c6_i32 : i32
  // CHECK: arith.andi %{{.+}}, %c50529027_i32
  gpu.func @two_bits(%words: memref<128xi8>, %out: memref<128xf32>, %i: index) kernel {
    %six = arith.constant dense<6> : vector<4xi8>
    %b = vector.load %words[%i] : memref<128xi8>, vector<4xi8>
    %s = arith.shrui %b, %six : vector<4xi8>
    %q = arith.trunci %s : vector<4xi8> to vector<4xi4>
    %x = arith.uitofp %q : vector<4xi4> to vector<4xf32>
    vector.store %x, %out[%i] : memref<128xf32>, vector<4xf32>
    gpu.return
  }
}
