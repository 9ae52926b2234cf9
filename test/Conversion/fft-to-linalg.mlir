// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: approx-act-opt --convert-stablehlo-to-linalg --split-input-file %s | FileCheck %s

// A product for each part, with a matrix that is made of a table.
// CHECK-DAG: #[[$ROWS:.*]] = affine_map<(d0, d1, d2, d3) -> (d0, d3)>
// CHECK-DAG: #[[$MATRIX:.*]] = affine_map<(d0, d1, d2, d3) -> (d3, d1, d2)>
// CHECK-DAG: #[[$OUT:.*]] = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2)>
// CHECK-LABEL: func @short
// CHECK-SAME: (%[[X:.*]]: tensor
// CHECK: %[[RE:.*]] = linalg.generic {{.*}}ins(%[[X]]
// CHECK: complex.re
// CHECK: %[[IM:.*]] = linalg.generic {{.*}}ins(%[[X]]
// CHECK: complex.im
// CHECK: %[[RE_ROWS:.*]] = tensor.collapse_shape %[[RE]] {{.*}} into tensor<6x4xf32>
// CHECK: %[[IM_ROWS:.*]] = tensor.collapse_shape %[[IM]]
// The parts of roots of unity, with the scale of an inverse.
// CHECK: %[[TABLE:.*]] = arith.constant dense<{{\[\[}}2.500000e-01, -0.000000e+00, -2.500000e-01, 0.000000e+00], [0.000000e+00, 2.500000e-01, -0.000000e+00, -2.500000e-01]]>
// CHECK: %[[FOR_RE:.*]] = linalg.generic {{.*}} outs(%{{.*}} : tensor<4x2x4xf32>)
// CHECK: arith.remui
// CHECK: tensor.extract %[[TABLE]]
// CHECK: linalg.generic {indexing_maps = [#[[$ROWS]], #[[$MATRIX]], #[[$OUT]]], {{.*}}ins(%[[RE_ROWS]], %[[FOR_RE]] :
// CHECK: %[[FOR_IM:.*]] = linalg.generic {{.*}} outs(%{{.*}} : tensor<4x2x4xf32>)
// CHECK: linalg.generic {indexing_maps = [#[[$ROWS]], #[[$MATRIX]], #[[$OUT]]], {{.*}}ins(%[[IM_ROWS]], %[[FOR_IM]] :
// CHECK: complex.create
func.func @short(%x: tensor<2x3x4xcomplex<f32>>) -> tensor<2x3x4xcomplex<f32>> {
  %0 = "stablehlo.fft"(%x) <{fft_type = #stablehlo<fft_type IFFT>, fft_length = array<i64: 4>}> : (tensor<2x3x4xcomplex<f32>>) -> tensor<2x3x4xcomplex<f32>>
  return %0 : tensor<2x3x4xcomplex<f32>>
}

// -----

// Of real numbers there is one product, and half of the result.
// CHECK-LABEL: func @of_real
// CHECK: arith.constant dense<{{.*}}> : tensor<2x8xf64>
// CHECK: linalg.generic {{.*}}"reduction"{{.*}}ins(%{{.*}} : tensor<1x8xf64>, tensor<8x2x5xf64>)
// CHECK-NOT: "reduction"
// CHECK: complex.create
func.func @of_real(%x: tensor<8xf64>) -> tensor<5xcomplex<f64>> {
  %0 = "stablehlo.fft"(%x) <{fft_type = #stablehlo<fft_type RFFT>, fft_length = array<i64: 8>}> : (tensor<8xf64>) -> tensor<5xcomplex<f64>>
  return %0 : tensor<5xcomplex<f64>>
}

// -----

// CHECK-LABEL: func @to_real
// CHECK: linalg.generic {{.*}}"reduction"{{.*}}ins(%{{.*}} : tensor<2x5xf32>, tensor<5x1x9xf32>)
// CHECK: linalg.generic {{.*}}"reduction"{{.*}}ins(%{{.*}} : tensor<2x5xf32>, tensor<5x1x9xf32>)
// CHECK-NOT: complex.create
func.func @to_real(%x: tensor<2x5xcomplex<f32>>) -> tensor<2x9xf32> {
  %0 = "stablehlo.fft"(%x) <{fft_type = #stablehlo<fft_type IRFFT>, fft_length = array<i64: 9>}> : (tensor<2x5xcomplex<f32>>) -> tensor<2x9xf32>
  return %0 : tensor<2x9xf32>
}

// -----

// CHECK-LABEL: func @of_divisors
// CHECK-COUNT-2: ins(%{{.*}} : tensor<45x14xf32>, tensor<14x2x14xf32>)
// CHECK: arith.constant dense<{{.*}}> : tensor<2x210xf32>
// CHECK: linalg.generic {{.*}} outs(%{{.*}} : tensor<3x14x15xf32>, tensor<3x14x15xf32>)
// CHECK-COUNT-2: ins(%{{.*}} : tensor<42x15xf32>, tensor<15x2x15xf32>)
// CHECK: complex.create
func.func @of_divisors(%x: tensor<3x210xcomplex<f32>>) -> tensor<3x210xcomplex<f32>> {
  %0 = "stablehlo.fft"(%x) <{fft_type = #stablehlo<fft_type FFT>, fft_length = array<i64: 210>}> : (tensor<3x210xcomplex<f32>>) -> tensor<3x210xcomplex<f32>>
  return %0 : tensor<3x210xcomplex<f32>>
}

// -----

// CHECK-LABEL: func @of_prime
// CHECK: tensor.pad {{.*}} high[0, 381]
// CHECK-COUNT-8: "reduction"
// CHECK: tensor.extract_slice {{.*}} : tensor<3x512xf32> to tensor<3x131xf32>
// CHECK: complex.create
func.func @of_prime(%x: tensor<3x131xcomplex<f32>>) -> tensor<3x131xcomplex<f32>> {
  %0 = "stablehlo.fft"(%x) <{fft_type = #stablehlo<fft_type FFT>, fft_length = array<i64: 131>}> : (tensor<3x131xcomplex<f32>>) -> tensor<3x131xcomplex<f32>>
  return %0 : tensor<3x131xcomplex<f32>>
}

// -----

// CHECK-LABEL: func @of_two
// CHECK: ins(%{{.*}} : tensor<4x6xf32>, tensor<6x2x4xf32>)
// CHECK-COUNT-2: ins(%{{.*}} : tensor<4x4xf32>, tensor<4x2x4xf32>)
// CHECK: complex.create
func.func @of_two(%x: tensor<4x6xf32>) -> tensor<4x4xcomplex<f32>> {
  %0 = "stablehlo.fft"(%x) <{fft_type = #stablehlo<fft_type RFFT>, fft_length = array<i64: 4, 6>}> : (tensor<4x6xf32>) -> tensor<4x4xcomplex<f32>>
  return %0 : tensor<4x4xcomplex<f32>>
}

// -----

// CHECK-LABEL: func @of_nothing
// CHECK-NEXT: tensor.empty() : tensor<0x4xcomplex<f32>>
func.func @of_nothing(%x: tensor<0x4xcomplex<f32>>) -> tensor<0x4xcomplex<f32>> {
  %0 = "stablehlo.fft"(%x) <{fft_type = #stablehlo<fft_type FFT>, fft_length = array<i64: 4>}> : (tensor<0x4xcomplex<f32>>) -> tensor<0x4xcomplex<f32>>
  return %0 : tensor<0x4xcomplex<f32>>
}
