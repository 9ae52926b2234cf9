// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: approx-act-opt --convert-stablehlo-to-linalg --split-input-file --verify-diagnostics %s

func.func @two_operands(%x: tensor<4xf32>, %i: tensor<2x1xi32>, %u: tensor<2xf32>) {
  // expected-error @+1 {{scatter of several operands has no kernel}}
  %0:2 = "stablehlo.scatter"(%x, %x, %i, %u, %u) ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>, %c: tensor<f32>, %d: tensor<f32>):
    "stablehlo.return"(%a, %b) : (tensor<f32>, tensor<f32>) -> ()
  }) : (tensor<4xf32>, tensor<4xf32>, tensor<2x1xi32>, tensor<2xf32>, tensor<2xf32>) -> (tensor<4xf32>, tensor<4xf32>)
  return
}

// -----

func.func @call_in_scatter(%x: tensor<4xf32>, %i: tensor<2x1xi32>, %u: tensor<2xf32>) {
  // expected-error @+1 {{expected a computation of scalars in the scatter}}
  %0 = "stablehlo.scatter"(%x, %i, %u) <{scatter_dimension_numbers = #stablehlo.scatter<inserted_window_dims = [0], scatter_dims_to_operand_dims = [0], index_vector_dim = 1>}> ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %c = "stablehlo.custom_call"(%a, %b) : (tensor<f32>, tensor<f32>) -> tensor<f32>
    "stablehlo.return"(%c) : (tensor<f32>) -> ()
  }) : (tensor<4xf32>, tensor<2x1xi32>, tensor<2xf32>) -> tensor<4xf32>
  return
}

// -----

func.func @loop_without_condition(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @+1 {{expected a loop of a condition and a body}}
  %0 = "stablehlo.while"(%x) ({
  ^bb0(%a: tensor<4xf32>):
    "stablehlo.return"() : () -> ()
  }, {
  ^bb0(%a: tensor<4xf32>):
    "stablehlo.return"(%a) : (tensor<4xf32>) -> ()
  }) : (tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

func.func @loop_without_end(%x: tensor<i1>) -> tensor<i1> {
  // expected-error @+1 {{expected a loop of a condition and a body}}
  %0 = "stablehlo.while"(%x) ({
  ^bb0(%a: tensor<i1>):
    "stablehlo.return"(%a) : (tensor<i1>) -> ()
  }, {
  ^bb0(%a: tensor<i1>):
  }) : (tensor<i1>) -> tensor<i1>
  return %0 : tensor<i1>
}

// -----

func.func @choice_of_nothing(%x: tensor<i32>) -> tensor<i32> {
  // expected-error @+1 {{expected branches of one block}}
  %0 = "stablehlo.case"(%x) : (tensor<i32>) -> tensor<i32>
  return %0 : tensor<i32>
}

// -----

func.func @sort_of_two_shapes(%x: tensor<4xf32>, %y: tensor<5xf32>) {
  // expected-error @+1 {{expected a sort of tensors of one static shape along a dimension of them, with a comparator}}
  %0:2 = "stablehlo.sort"(%x, %y) <{dimension = 0 : i64}> ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>, %c: tensor<f32>, %d: tensor<f32>):
    %e = arith.constant dense<true> : tensor<i1>
    "stablehlo.return"(%e) : (tensor<i1>) -> ()
  }) : (tensor<4xf32>, tensor<5xf32>) -> (tensor<4xf32>, tensor<5xf32>)
  return
}

// -----

func.func @call_in_sort(%x: tensor<4xf32>) {
  // expected-error @+1 {{expected a comparison of scalars in the sort}}
  %0 = "stablehlo.sort"(%x) <{dimension = 0 : i64}> ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %c = "stablehlo.custom_call"(%a, %b) : (tensor<f32>, tensor<f32>) -> tensor<i1>
    "stablehlo.return"(%c) : (tensor<i1>) -> ()
  }) : (tensor<4xf32>) -> tensor<4xf32>
  return
}

// -----

func.func @no_kernel(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @+1 {{'stablehlo.custom_call' has no kernel}}
  %0 = "stablehlo.custom_call"(%x) : (tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

// Of calls of one function the first is named, wherever the others are.
func.func @calls_of_one(%x: tensor<4xf32>, %p: tensor<i32>) -> (tensor<4xf32>, tensor<4xf32>) {
  // expected-error @+1 {{custom call 'factor' has no kernel}}
  %0 = "stablehlo.custom_call"(%x) <{call_target_name = "factor"}> : (tensor<4xf32>) -> tensor<4xf32>
  // expected-error @+1 {{custom call 'solve' has no kernel}}
  %1 = "stablehlo.custom_call"(%0) <{call_target_name = "solve"}> : (tensor<4xf32>) -> tensor<4xf32>
  %2 = "stablehlo.custom_call"(%1) <{call_target_name = "factor"}> : (tensor<4xf32>) -> tensor<4xf32>
  %3 = "stablehlo.case"(%p) ({
    %4 = "stablehlo.custom_call"(%2) <{call_target_name = "factor"}> : (tensor<4xf32>) -> tensor<4xf32>
    "stablehlo.return"(%4) : (tensor<4xf32>) -> ()
  }, {
    "stablehlo.return"(%x) : (tensor<4xf32>) -> ()
  }) : (tensor<i32>) -> tensor<4xf32>
  return %2, %3 : tensor<4xf32>, tensor<4xf32>
}

// -----

func.func @transform_of_unknown_kind(%x: tensor<4xcomplex<f32>>) -> tensor<4xcomplex<f32>> {
  // expected-error @+1 {{expected a Fourier transform of f32 or f64 over one to three dimensions of static shape}}
  %0 = "stablehlo.fft"(%x) <{fft_length = array<i64: 4>}> : (tensor<4xcomplex<f32>>) -> tensor<4xcomplex<f32>>
  return %0 : tensor<4xcomplex<f32>>
}

// -----

func.func @transform_of_another_length(%x: tensor<4xcomplex<f32>>) -> tensor<5xf32> {
  // expected-error @+1 {{expected a Fourier transform of f32 or f64 over one to three dimensions of static shape}}
  %0 = "stablehlo.fft"(%x) <{fft_type = #stablehlo<fft_type IRFFT>, fft_length = array<i64: 5>}> : (tensor<4xcomplex<f32>>) -> tensor<5xf32>
  return %0 : tensor<5xf32>
}

// -----

func.func @transform_of_half(%x: tensor<4xcomplex<f16>>) -> tensor<4xcomplex<f16>> {
  // expected-error @+1 {{expected a Fourier transform of f32 or f64 over one to three dimensions of static shape}}
  %0 = "stablehlo.fft"(%x) <{fft_type = #stablehlo<fft_type FFT>, fft_length = array<i64: 4>}> : (tensor<4xcomplex<f16>>) -> tensor<4xcomplex<f16>>
  return %0 : tensor<4xcomplex<f16>>
}

// -----

func.func @two_over_another_shape(%x: tensor<4xf32>, %y: tensor<4x2xf32>, %s: tensor<f32>) {
  // expected-error @+1 {{the reduction has no kernel}}
  %0:2 = "stablehlo.reduce"(%x, %y, %s, %s) <{dimensions = array<i64>}> ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>, %c: tensor<f32>, %d: tensor<f32>):
    "stablehlo.return"(%a, %b) : (tensor<f32>, tensor<f32>) -> ()
  }) : (tensor<4xf32>, tensor<4x2xf32>, tensor<f32>, tensor<f32>) -> (tensor<4xf32>, tensor<4x2xf32>)
  return
}

// -----

// The function that it calls is no error of its own.
func.func private @comparator(%a: tensor<f32>, %b: tensor<f32>) -> tensor<i1> {
  %c = arith.constant dense<true> : tensor<i1>
  "stablehlo.return"(%c) : (tensor<i1>) -> ()
}
func.func @call_of_library(%x: tensor<4xf32>) -> tensor<2xf32> {
  // expected-error @+1 {{custom call 'ApproxTopK' has no kernel: it is code of the host or of a library; approx_act.jit leaves it to XLA}}
  %0 = "stablehlo.custom_call"(%x) <{call_target_name = "ApproxTopK", called_computations = [@comparator]}> : (tensor<4xf32>) -> tensor<2xf32>
  return %0 : tensor<2xf32>
}

// -----

func.func @call_in_reduction(%x: tensor<4xf32>, %s: tensor<f32>) {
  // expected-error @+1 {{expected a computation of scalars in the reduction}}
  %0 = "stablehlo.reduce"(%x, %s) <{dimensions = array<i64>}> ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %c = "stablehlo.custom_call"(%a, %b) : (tensor<f32>, tensor<f32>) -> tensor<f32>
    "stablehlo.return"(%c) : (tensor<f32>) -> ()
  }) : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  return
}

// -----

func.func @windows_of_another_source(%x: tensor<8xf32>, %s: tensor<5xf32>, %i: tensor<f32>) {
  // expected-error @+1 {{expected a select_and_scatter of a source with an element for each window of an operand of static shape}}
  %0 = "stablehlo.select_and_scatter"(%x, %s, %i) <{window_dimensions = array<i64: 2>, window_strides = array<i64: 2>}> ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %c = arith.constant dense<true> : tensor<i1>
    "stablehlo.return"(%c) : (tensor<i1>) -> ()
  }, {
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    "stablehlo.return"(%a) : (tensor<f32>) -> ()
  }) : (tensor<8xf32>, tensor<5xf32>, tensor<f32>) -> tensor<8xf32>
  return
}

// -----

func.func @call_in_select(%x: tensor<8xf32>, %s: tensor<4xf32>, %i: tensor<f32>) {
  // expected-error @+1 {{expected a comparison of scalars in the select_and_scatter}}
  %0 = "stablehlo.select_and_scatter"(%x, %s, %i) <{window_dimensions = array<i64: 2>, window_strides = array<i64: 2>}> ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %c = "stablehlo.custom_call"(%a, %b) : (tensor<f32>, tensor<f32>) -> tensor<i1>
    "stablehlo.return"(%c) : (tensor<i1>) -> ()
  }, {
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    "stablehlo.return"(%a) : (tensor<f32>) -> ()
  }) : (tensor<8xf32>, tensor<4xf32>, tensor<f32>) -> tensor<8xf32>
  return
}

// -----

func.func @call_in_scatter_of_selected(%x: tensor<8xf32>, %s: tensor<4xf32>, %i: tensor<f32>) {
  // expected-error @+1 {{expected a computation of scalars in the select_and_scatter}}
  %0 = "stablehlo.select_and_scatter"(%x, %s, %i) <{window_dimensions = array<i64: 2>, window_strides = array<i64: 2>}> ({
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %c = arith.constant dense<true> : tensor<i1>
    "stablehlo.return"(%c) : (tensor<i1>) -> ()
  }, {
  ^bb0(%a: tensor<f32>, %b: tensor<f32>):
    %c = "stablehlo.custom_call"(%a, %b) : (tensor<f32>, tensor<f32>) -> tensor<f32>
    "stablehlo.return"(%c) : (tensor<f32>) -> ()
  }) : (tensor<8xf32>, tensor<4xf32>, tensor<f32>) -> tensor<8xf32>
  return
}
