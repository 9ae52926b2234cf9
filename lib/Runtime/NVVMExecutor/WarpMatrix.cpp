//===- WarpMatrix.cpp - Matrices held by a warp ---------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "WarpMatrix.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/ADT/bit.h"
#include <array>
#include <cstring>

using namespace llvm;
using namespace mlir::approx_act;
using namespace mlir::approx_act::runtime;

/// Lanes that share a row of the result.
static constexpr unsigned lanesPerRow = 4;
/// Rows of a matrix that is loaded, and of half a left operand.
static constexpr unsigned numRows = 8;
/// Bytes of a row that is loaded.
static constexpr unsigned rowBytes = 16;

std::optional<MatrixIntrinsic> runtime::parseMatrixIntrinsic(StringRef name) {
  if (name.consume_front("ldmatrix.sync.aligned.m8n8.x")) {
    unsigned count;
    if (name.consumeInteger(10, count))
      return std::nullopt;
    bool isTransposed = name.consume_front(".trans");
    if (!name.starts_with(".b16"))
      return std::nullopt;
    return MatrixIntrinsic{
        isTransposed ? MatrixOp::LoadTransposed : MatrixOp::Load, count};
  }
  return StringSwitch<std::optional<MatrixIntrinsic>>(name)
      .Case("mma.m16n8k4.row.col.tf32", MatrixIntrinsic{MatrixOp::TF32, 2})
      .Case("mma.m16n8k8.row.col.tf32", MatrixIntrinsic{MatrixOp::TF32, 4})
      .Case("mma.m16n8k8.row.col.f32.f32", MatrixIntrinsic{MatrixOp::F16, 2})
      .Case("mma.m16n8k16.row.col.f32.f32", MatrixIntrinsic{MatrixOp::F16, 4})
      .Case("mma.m16n8k8.row.col.bf16", MatrixIntrinsic{MatrixOp::BF16, 2})
      .Case("mma.m16n8k16.row.col.bf16", MatrixIntrinsic{MatrixOp::BF16, 4})
      .Case("mma.m16n8k16.row.col.s8", MatrixIntrinsic{MatrixOp::S8, 2})
      .Case("mma.m16n8k32.row.col.s8", MatrixIntrinsic{MatrixOp::S8, 4})
      .Case("mma.m16n8k16.row.col.u8", MatrixIntrinsic{MatrixOp::U8, 2})
      .Case("mma.m16n8k32.row.col.u8", MatrixIntrinsic{MatrixOp::U8, 4})
      .Default(std::nullopt);
}

/// Elements in a register.
static unsigned getElements(MatrixOp op) {
  switch (op) {
  case MatrixOp::TF32:
    return 1;
  case MatrixOp::S8:
  case MatrixOp::U8:
    return 4;
  default:
    return 2;
  }
}

/// Element `index` of a register.
static double getElement(MatrixOp op, uint32_t word, unsigned index) {
  auto half = static_cast<uint16_t>(word >> (16 * (index & 1)));
  auto byte = static_cast<uint8_t>(word >> (8 * index));
  switch (op) {
  case MatrixOp::TF32:
    // The last 13 bits are not looked at.
    return bit_cast<float>(word & 0xFFFFE000);
  case MatrixOp::F16:
    return static_cast<double>(bit_cast<_Float16>(half));
  case MatrixOp::BF16:
    return bit_cast<float>(static_cast<uint32_t>(half) << 16);
  case MatrixOp::S8:
    return static_cast<int8_t>(byte);
  default:
    return byte;
  }
}

/// In a lane, register r of the left operand has the elements of row lane / 4,
/// or eight rows below when r is odd, from column 4 * elements * (r / 2) +
/// elements * (lane % 4); register r of the right one those of column lane / 4
/// from row 4 * elements * r + elements * (lane % 4). The result has two rows
/// of two elements in a lane.
static void computeProduct(const MatrixIntrinsic &intrinsic,
                           ArrayRef<uint32_t *> lanes) {
  MatrixOp op = intrinsic.op;
  unsigned elements = getElements(op);
  unsigned rightWords = intrinsic.count / 2;
  bool isInteger = op == MatrixOp::S8 || op == MatrixOp::U8;
  std::array<std::array<uint32_t, productWords>, warpSize> results;
  for (unsigned lane = 0; lane < warpSize; ++lane)
    for (unsigned word = 0; word < productWords; ++word) {
      unsigned row = lane / lanesPerRow;
      unsigned isLower = word / 2;
      unsigned column = 2 * (lane % lanesPerRow) + word % 2;
      double sum = 0;
      for (unsigned r = 0; r < rightWords; ++r)
        for (unsigned part = 0; part < lanesPerRow; ++part)
          for (unsigned e = 0; e < elements; ++e)
            sum +=
                getElement(op, lanes[row * lanesPerRow + part][2 * r + isLower],
                           e) *
                getElement(
                    op, lanes[column * lanesPerRow + part][intrinsic.count + r],
                    e);
      uint32_t added = lanes[lane][intrinsic.count + rightWords + word];
      // Integers wrap around.
      results[lane][word] =
          isInteger ? added + static_cast<uint32_t>(static_cast<int64_t>(sum))
                    : bit_cast<uint32_t>(static_cast<float>(
                          sum + static_cast<double>(bit_cast<float>(added))));
    }
  for (unsigned lane = 0; lane < warpSize; ++lane)
    llvm::copy(results[lane], lanes[lane]);
}

/// Lane 8 * m + r has the address of row r of matrix m. Each lane gets two
/// elements of 16 bits of every matrix, of row lane / 4, or of column lane / 4
/// when it is transposed.
static bool load(const MatrixIntrinsic &intrinsic, ArrayRef<uint32_t *> lanes) {
  std::array<const char *, warpSize> rows;
  for (unsigned i = 0; i < numRows * intrinsic.count; ++i) {
    std::memcpy(static_cast<void *>(&rows[i]), lanes[i], sizeof(rows[i]));
    if (reinterpret_cast<uintptr_t>(rows[i]) % rowBytes != 0)
      return false;
  }
  auto read = [&](unsigned matrix, unsigned row, unsigned column) {
    uint16_t element;
    std::memcpy(&element,
                rows[numRows * matrix + row] + sizeof(element) * column,
                sizeof(element));
    return static_cast<uint32_t>(element);
  };
  bool isTransposed = intrinsic.op == MatrixOp::LoadTransposed;
  for (unsigned lane = 0; lane < warpSize; ++lane)
    for (unsigned matrix = 0; matrix < intrinsic.count; ++matrix) {
      unsigned outer = lane / lanesPerRow;
      unsigned inner = 2 * (lane % lanesPerRow);
      lanes[lane][matrix] = isTransposed
                                ? read(matrix, inner, outer) |
                                      read(matrix, inner + 1, outer) << 16
                                : read(matrix, outer, inner) |
                                      read(matrix, outer, inner + 1) << 16;
    }
  return true;
}

bool runtime::computeMatrix(const MatrixIntrinsic &intrinsic,
                            ArrayRef<uint32_t *> lanes) {
  if (intrinsic.op == MatrixOp::Load ||
      intrinsic.op == MatrixOp::LoadTransposed)
    return load(intrinsic, lanes);
  computeProduct(intrinsic, lanes);
  return true;
}
