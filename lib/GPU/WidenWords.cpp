//===- WidenWords.cpp - Packed words in registers of 32 bits --------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "approx-act/GPU/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace mlir::approx_act {
#define GEN_PASS_DEF_WIDENWORDS
#include "approx-act/GPU/Passes.h.inc"
} // namespace mlir::approx_act

using namespace mlir;
using namespace mlir::approx_act;

/// Bytes in a register.
static constexpr int64_t kBytes = 4;

/// The number of elements of a vector of bytes that fill registers; 0 for other
/// types.
static int64_t getNumBytes(Type type) {
  auto vector = dyn_cast<VectorType>(type);
  if (!vector || vector.getRank() != 1 || vector.isScalable() ||
      !vector.getElementType().isInteger(8) ||
      vector.getNumElements() % kBytes != 0)
    return 0;
  return vector.getNumElements();
}

static VectorType getWordType(Type type) {
  auto vector = cast<VectorType>(type);
  return vector.clone(IntegerType::get(type.getContext(), 32));
}

/// A number by which all elements are shifted: a constant, or a scalar.
static std::optional<OpFoldResult> getUniform(Value value) {
  APInt constant;
  if (matchPattern(value, m_ConstantInt(&constant)))
    return OpFoldResult(IntegerAttr::get(
        IntegerType::get(value.getContext(), 32), constant.getZExtValue()));
  if (auto broadcast = value.getDefiningOp<vector::BroadcastOp>())
    if (!isa<VectorType>(broadcast.getSource().getType()))
      return OpFoldResult(broadcast.getSource());
  return std::nullopt;
}

static Value createConstant(ImplicitLocOpBuilder &b, Type type, int64_t value) {
  TypedAttr attribute = b.getIntegerAttr(getElementTypeOrSelf(type), value);
  if (auto vector = dyn_cast<VectorType>(type))
    attribute = DenseElementsAttr::get(vector, Attribute(attribute));
  return arith::ConstantOp::create(b, attribute);
}

//===----------------------------------------------------------------------===//
// From words
//===----------------------------------------------------------------------===//

namespace {
/// Codes in bytes that have been loaded, as `trunci (shrui %bytes, %amount)`.
struct LoadedCodes {
  static FailureOr<LoadedCodes> match(arith::TruncIOp op);

  /// The words that hold them, shifted to the right by `amount` and to the left
  /// by `shift`, without the bits of others.
  SmallVector<Value> getWords(ImplicitLocOpBuilder &b, int64_t shift) const;
  int64_t getNumCodes() const { return getNumBytes(bytes.getType()); }

  Value bytes;
  /// An i32 constant, or an i8.
  OpFoldResult amount;
  /// Bits of a code.
  int64_t bits;
};
} // namespace

FailureOr<LoadedCodes> LoadedCodes::match(arith::TruncIOp op) {
  LoadedCodes codes;
  codes.bytes = op.getIn();
  codes.bits = getElementTypeOrSelf(op.getType()).getIntOrFloatBitWidth();
  if (getNumBytes(codes.bytes.getType()) == 0)
    return failure();
  codes.amount = OpBuilder(op.getContext()).getI32IntegerAttr(0);
  if (auto shift = codes.bytes.getDefiningOp<arith::ShRUIOp>()) {
    std::optional<OpFoldResult> uniform = getUniform(shift.getRhs());
    if (!uniform)
      return failure();
    codes.amount = *uniform;
    codes.bytes = shift.getLhs();
    // What is shifted in are zeros, not bits of the next byte.
    if (auto constant = dyn_cast<Attribute>(codes.amount))
      codes.bits = std::clamp<int64_t>(8 - cast<IntegerAttr>(constant).getInt(),
                                       0, codes.bits);
  }
  if (!codes.bytes.getDefiningOp<vector::LoadOp>())
    return failure();
  return codes;
}

SmallVector<Value> LoadedCodes::getWords(ImplicitLocOpBuilder &b,
                                         int64_t shift) const {
  Type word = b.getI32Type();
  Value vector = vector::BitCastOp::create(
      b, VectorType::get(getNumCodes() / kBytes, word), bytes);
  constexpr int64_t everyByte = 0x01010101;
  Value scalar, ofByte;
  int64_t right = -shift;
  if (auto constant = dyn_cast<Attribute>(amount)) {
    right += cast<IntegerAttr>(constant).getInt();
  } else {
    // The bits that are not of the next byte.
    scalar = arith::ExtUIOp::create(b, word, cast<Value>(amount));
    Value byte =
        arith::ShRUIOp::create(b, createConstant(b, word, 0xFF), scalar);
    ofByte = arith::MulIOp::create(b, byte, createConstant(b, word, everyByte));
  }
  int64_t mask = ((int64_t{1} << bits) - 1) << shift;
  SmallVector<Value> words;
  for (int64_t index = 0; index < getNumCodes() / kBytes; ++index) {
    Value value = vector::ExtractOp::create(b, vector, index);
    if (scalar) {
      value = arith::ShRUIOp::create(b, value, scalar);
      value = arith::AndIOp::create(b, value, ofByte);
    }
    if (right > 0)
      value = arith::ShRUIOp::create(b, value, createConstant(b, word, right));
    else if (right < 0)
      value = arith::ShLIOp::create(b, value, createConstant(b, word, -right));
    words.push_back(arith::AndIOp::create(
        b, value, createConstant(b, word, mask * everyByte)));
  }
  return words;
}

namespace {
/// Codes among the bits of a constant whose last byte is zero, as the mantissa
/// of a number: `ori (shli (extui %codes), n), constant`. One instruction a
/// code puts the byte that it is in into the constant.
struct UnpackIntoConstant : OpRewritePattern<arith::OrIOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(arith::OrIOp op,
                                PatternRewriter &rewriter) const override {
    APInt constant, shift(32, 0);
    if (!isa<VectorType>(op.getType()) ||
        !matchPattern(op.getRhs(), m_ConstantInt(&constant)) ||
        constant.getBitWidth() != 32 || constant.countr_zero() < 8)
      return rewriter.notifyMatchFailure(op,
                                         "no constant with room for a byte");
    Value source = op.getLhs();
    if (auto shifted = source.getDefiningOp<arith::ShLIOp>()) {
      if (!matchPattern(shifted.getRhs(), m_ConstantInt(&shift)))
        return rewriter.notifyMatchFailure(op, "shifted by different amounts");
      source = shifted.getLhs();
    }
    auto extend = source.getDefiningOp<arith::ExtUIOp>();
    auto narrow = extend ? extend.getIn().getDefiningOp<arith::TruncIOp>()
                         : arith::TruncIOp();
    FailureOr<LoadedCodes> codes = failure();
    if (narrow)
      codes = LoadedCodes::match(narrow);
    if (failed(codes) || shift.ugt(8 - codes->bits))
      return rewriter.notifyMatchFailure(op, "not of codes in a byte");

    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Type word = b.getI32Type();
    SmallVector<Value> words =
        codes->getWords(b, static_cast<int64_t>(shift.getZExtValue()));
    Value pattern =
        createConstant(b, word, static_cast<int32_t>(constant.getZExtValue()));
    SmallVector<Value> results;
    for (int64_t byte = 0; byte < codes->getNumCodes(); ++byte) {
      // Bytes 1 to 3 of the constant, which come after the four of the word.
      Value selector = createConstant(b, word, 0x7650 + byte % kBytes);
      results.push_back(NVVM::PermuteOp::create(b, word, words[byte / kBytes],
                                                pattern, selector,
                                                NVVM::PermuteMode::DEFAULT));
    }
    rewriter.replaceOpWithNewOp<vector::FromElementsOp>(op, op.getType(),
                                                        results);
    return success();
  }
};

/// Other codes become integers of 32 bits, truncated for whoever wants that.
struct UnpackFromRegisters : OpRewritePattern<arith::TruncIOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(arith::TruncIOp op,
                                PatternRewriter &rewriter) const override {
    FailureOr<LoadedCodes> codes = LoadedCodes::match(op);
    if (failed(codes))
      return rewriter.notifyMatchFailure(op, "not of bytes from memory");
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Type word = b.getI32Type();
    SmallVector<Value> words = codes->getWords(b, 0);
    Value mask = createConstant(b, word, 0xFF);
    SmallVector<Value> elements;
    for (int64_t byte = 0; byte < codes->getNumCodes(); ++byte) {
      Value shift = createConstant(b, word, byte % kBytes * 8);
      Value code = arith::ShRUIOp::create(b, words[byte / kBytes], shift);
      elements.push_back(arith::AndIOp::create(b, code, mask));
    }
    Value wide = vector::FromElementsOp::create(
        b, VectorType::get(codes->getNumCodes(), word), elements);
    rewriter.replaceOpWithNewOp<arith::TruncIOp>(
        op, op.getType(), wide, arith::IntegerOverflowFlags::nuw);
    return success();
  }
};

/// What a conversion to fewer bits has lost nothing of is converted as it was.
template <typename Op>
struct ConvertUntruncated : OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;

  LogicalResult matchAndRewrite(Op op,
                                PatternRewriter &rewriter) const override {
    auto narrow = op.getIn().template getDefiningOp<arith::TruncIOp>();
    if (!narrow || !bitEnumContainsAll(narrow.getOverflowFlags(),
                                       arith::IntegerOverflowFlags::nuw))
      return rewriter.notifyMatchFailure(op, "may have lost bits");
    Value wide = narrow.getIn();
    if constexpr (std::is_same_v<Op, arith::ExtUIOp>) {
      unsigned to = getElementTypeOrSelf(op.getType()).getIntOrFloatBitWidth();
      unsigned from = getElementTypeOrSelf(wide).getIntOrFloatBitWidth();
      if (from == to) {
        rewriter.replaceOp(op, wide);
        return success();
      }
      if (from > to)
        return rewriter.notifyMatchFailure(op, "still narrower");
    }
    rewriter.replaceOpWithNewOp<Op>(op, op.getType(), wide);
    return success();
  }
};
} // namespace

//===----------------------------------------------------------------------===//
// To words
//===----------------------------------------------------------------------===//

namespace {
/// A vector of bytes as a sum of vectors of integers, shifted to the left.
struct WideSum {
  /// Of 32 bits, which may have others than those of `mask`, or of fewer.
  struct Term {
    Value value;
    int64_t shift;
    std::optional<int64_t> mask;
  };
  SmallVector<Term> terms;
  /// The bits that may be set.
  uint64_t bits = 0;

  /// Nothing if the bytes are no sum of codes that do not overlap.
  static std::optional<WideSum> match(Value bytes);

private:
  static WideSum matchCodes(Value codes);
};

/// Bytes that are stored: `ori (extui %q0), (shli (extui %q1), 4)` and the
/// like.
struct PackInRegisters : OpRewritePattern<vector::StoreOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(vector::StoreOp op,
                                PatternRewriter &rewriter) const override {
    Value bytes = op.getValueToStore();
    int64_t numBytes = getNumBytes(bytes.getType());
    if (numBytes == 0)
      return rewriter.notifyMatchFailure(op, "not of bytes");
    std::optional<WideSum> sum = WideSum::match(bytes);
    if (!sum)
      return rewriter.notifyMatchFailure(op, "not of codes");

    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Type wide = getWordType(bytes.getType());
    for (WideSum::Term &term : sum->terms) {
      if (term.value.getType() != wide)
        term.value = arith::ExtUIOp::create(b, wide, term.value);
      if (term.mask)
        term.value = arith::AndIOp::create(b, term.value,
                                           createConstant(b, wide, *term.mask));
    }
    // What depends on no row is added up before the loop over rows.
    auto loop = op->getParentOfType<scf::ForOp>();
    auto isInvariant = [&](const WideSum::Term &term) {
      return loop && loop.isDefinedOutsideOfLoop(term.value);
    };
    Type word = b.getI32Type();
    SmallVector<Value> words;
    for (int64_t first = 0; first < numBytes; first += kBytes) {
      Value total, constant;
      for (int64_t byte = 0; byte < kBytes; ++byte) {
        for (const WideSum::Term &term : sum->terms) {
          Value part = vector::ExtractOp::create(b, term.value, first + byte);
          if (int64_t shift = 8 * byte + term.shift)
            part =
                arith::ShLIOp::create(b, part, createConstant(b, word, shift));
          Value &to = isInvariant(term) ? constant : total;
          to = to ? arith::AddIOp::create(b, to, part).getResult() : part;
        }
      }
      if (constant)
        total = total ? arith::AddIOp::create(b, total, constant).getResult()
                      : constant;
      words.push_back(total);
    }
    Value packed = vector::FromElementsOp::create(
        b, VectorType::get(numBytes / kBytes, word), words);
    Value value = vector::BitCastOp::create(b, bytes.getType(), packed);
    rewriter.modifyOpInPlace(op,
                             [&] { op.getValueToStoreMutable().set(value); });
    return success();
  }
};
} // namespace

/// Of integers of 8 bits or fewer that are not negative.
WideSum WideSum::matchCodes(Value codes) {
  unsigned width = getElementTypeOrSelf(codes).getIntOrFloatBitWidth();
  WideSum sum;
  sum.bits = (uint64_t{1} << width) - 1;
  auto narrow = codes.getDefiningOp<arith::TruncIOp>();
  Value wide = narrow ? narrow.getIn() : codes;
  if (!narrow || !getElementTypeOrSelf(wide).isInteger(32)) {
    sum.terms.push_back({codes, 0, std::nullopt});
    return sum;
  }
  auto add = wide.getDefiningOp<arith::AddIOp>();
  if (!bitEnumContainsAll(narrow.getOverflowFlags(),
                          arith::IntegerOverflowFlags::nuw))
    sum.terms.push_back({wide, 0, static_cast<int64_t>(sum.bits)});
  else if (add)
    sum.terms = {{add.getLhs(), 0, std::nullopt},
                 {add.getRhs(), 0, std::nullopt}};
  else
    sum.terms.push_back({wide, 0, std::nullopt});
  return sum;
}

std::optional<WideSum> WideSum::match(Value bytes) {
  if (auto extend = bytes.getDefiningOp<arith::ExtUIOp>())
    return matchCodes(extend.getIn());
  if (bytes.getDefiningOp<arith::TruncIOp>())
    return matchCodes(bytes);
  if (auto shift = bytes.getDefiningOp<arith::ShLIOp>()) {
    APInt amount;
    std::optional<WideSum> sum = match(shift.getLhs());
    if (!sum || !matchPattern(shift.getRhs(), m_ConstantInt(&amount)) ||
        amount.uge(8))
      return std::nullopt;
    sum->bits <<= amount.getZExtValue();
    for (WideSum::Term &term : sum->terms)
      term.shift += static_cast<int64_t>(amount.getZExtValue());
    if (sum->bits > 0xFF)
      return std::nullopt;
    return sum;
  }
  if (auto either = bytes.getDefiningOp<arith::OrIOp>()) {
    std::optional<WideSum> lhs = match(either.getLhs());
    std::optional<WideSum> rhs = match(either.getRhs());
    if (!lhs || !rhs || (lhs->bits & rhs->bits) != 0)
      return std::nullopt;
    lhs->bits |= rhs->bits;
    lhs->terms.append(rhs->terms);
    return lhs;
  }
  return std::nullopt;
}

namespace {
struct WidenWords : approx_act::impl::WidenWordsBase<WidenWords> {
  void runOnOperation() override {
    // First, where more is known of what codes are for.
    RewritePatternSet constants(&getContext());
    constants.add<UnpackIntoConstant>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(constants))))
      return signalPassFailure();
    RewritePatternSet patterns(&getContext());
    patterns.add<UnpackFromRegisters, PackInRegisters,
                 ConvertUntruncated<arith::ExtUIOp>,
                 ConvertUntruncated<arith::UIToFPOp>>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace
