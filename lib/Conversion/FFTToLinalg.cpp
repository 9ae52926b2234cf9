//===- FFTToLinalg.cpp - Fourier transforms as products -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// A transform of a short length is a product with a matrix, which is what
/// devices are best at. One of a length that has divisors is made of transforms
/// of these (Cooley and Tukey), and one of a long prime is a convolution, which
/// is made of transforms of a power of two (Bluestein). So there is a transform
/// of every length, and all of them are products and what goes into the same
/// kernels as the rest of the program.
///
//===----------------------------------------------------------------------===//

#include "FFTToLinalg.h"
#include "ComplexParts.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/ReshapeOpsUtils.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/MathExtras.h"
#include <cmath>
#include <complex>

using namespace mlir;
using namespace mlir::approx_act;

/// The longest transform that is one product. Its matrices have at most 2^15
/// elements each.
static constexpr int64_t kLongestProduct = 128;

/// Emits what computes elements of results from those of inputs.
using Body =
    function_ref<SmallVector<Value>(ImplicitLocOpBuilder &, ValueRange)>;

//===----------------------------------------------------------------------===//
// Roots of unity
//===----------------------------------------------------------------------===//

/// exp(2 pi i k / n), for 0 <= k < n. The angle is taken from the next of the
/// axes and diagonals, so that what is zero is zero, and what has the same size
/// is the same.
static std::complex<double> getRoot(int64_t k, int64_t n) {
  int64_t quarter = 4 * k / n, rest = 4 * k % n;
  bool isBeyondDiagonal = 2 * rest > n;
  int64_t fromAxis = isBeyondDiagonal ? n - rest : rest;
  double angle = llvm::numbers::pi / 2 * static_cast<double>(fromAxis) /
                 static_cast<double>(n);
  double cosine = std::cos(angle);
  double sine = 2 * rest == n ? cosine : std::sin(angle);
  if (isBeyondDiagonal)
    std::swap(cosine, sine);
  switch (quarter) {
  case 0:
    return {cosine, sine};
  case 1:
    return {-sine, cosine};
  case 2:
    return {-cosine, -sine};
  default:
    return {sine, -cosine};
  }
}

/// The transform of `values`, of which there are a power of two, in place.
static void transformOnHost(MutableArrayRef<std::complex<double>> values) {
  auto n = static_cast<int64_t>(values.size());
  for (int64_t i = 1, reversed = 0; i < n; ++i) {
    int64_t bit = n / 2;
    for (; reversed & bit; bit /= 2)
      reversed ^= bit;
    reversed ^= bit;
    if (i < reversed)
      std::swap(values[i], values[reversed]);
  }
  for (int64_t length = 2; length <= n; length *= 2)
    for (int64_t k = 0; k < length / 2; ++k) {
      std::complex<double> root = std::conj(getRoot(k, length));
      for (int64_t start = 0; start < n; start += length) {
        std::complex<double> &even = values[start + k];
        std::complex<double> &odd = values[start + length / 2 + k];
        std::complex<double> product = root * odd;
        odd = even - product;
        even += product;
      }
    }
}

//===----------------------------------------------------------------------===//
// One dimension
//===----------------------------------------------------------------------===//

namespace {
/// Emits transforms of the rows of tensors of two dimensions.
class FourierEmitter {
public:
  FourierEmitter(ImplicitLocOpBuilder &b, FloatType element)
      : b(b), element(element) {}

  /// What a transform is: the sum over j of x[j] exp(sign 2 pi i j k / n),
  /// times `scale`.
  struct Kind {
    int64_t n;
    int sign;
    double scale;
    /// Whether only the real part is wanted.
    bool isReal = false;
  };

  /// A transform of rows of `kind.n` numbers.
  ComplexParts emit(ComplexParts rows, Kind kind);

  /// A transform of real rows, of which the first n / 2 + 1 numbers are
  /// returned: the others are their conjugates.
  ComplexParts emitOfReal(Value rows, Kind kind);

  /// A transform of rows of which the first n / 2 + 1 numbers are given. What
  /// is real of it is returned.
  Value emitToReal(ComplexParts rows, Kind kind);

  Value reshape(Value value, ArrayRef<int64_t> shape);

  /// The dimensions of `value` in another order.
  Value transpose(Value value, ArrayRef<unsigned> order);

private:
  ArrayRef<int64_t> getShape(Value value) {
    return cast<RankedTensorType>(value.getType()).getShape();
  }
  SmallVector<Value> emitElements(ArrayRef<int64_t> shape, unsigned count,
                                  ValueRange inputs, ArrayRef<AffineMap> maps,
                                  Body body) {
    return approx_act::emitElements(b, shape, element, count, inputs, maps,
                                    body);
  }

  ComplexParts emitProduct(ComplexParts rows, Kind kind, int64_t outputs,
                           bool isHalf);
  Value emitMatrix(Value table, Kind kind, ArrayRef<int64_t> shape,
                   bool isImaginary, bool isHalf);
  ComplexParts emitOfDivisors(ComplexParts rows, Kind kind, int64_t divisor);
  ComplexParts emitConvolution(ComplexParts rows, Kind kind);
  ComplexParts multiply(ComplexParts rows,
                        ArrayRef<std::complex<double>> factors, bool isReal);

  /// The first columns of a tensor.
  Value takeColumns(Value value, int64_t count) {
    SmallVector<OpFoldResult> offsets(2, b.getIndexAttr(0));
    SmallVector<OpFoldResult> strides(2, b.getIndexAttr(1));
    SmallVector<OpFoldResult> sizes = {b.getIndexAttr(getShape(value)[0]),
                                       b.getIndexAttr(count)};
    return tensor::ExtractSliceOp::create(b, value, offsets, sizes, strides);
  }

  /// A constant of the parts of `numbers`, of two rows.
  Value emitTable(ArrayRef<std::complex<double>> numbers);
  Value emitRoots(Kind kind);

  AffineMap getMap(unsigned dims, ArrayRef<AffineExpr> results) {
    return AffineMap::get(dims, 0, results, b.getContext());
  }

  ImplicitLocOpBuilder &b;
  FloatType element;
};
} // namespace

static ComplexParts forParts(ComplexParts parts,
                             function_ref<Value(Value)> change) {
  parts.re = change(parts.re);
  if (parts.im)
    parts.im = change(parts.im);
  return parts;
}

static Value createIndex(ImplicitLocOpBuilder &b, int64_t value) {
  return arith::ConstantIndexOp::create(b, value);
}

/// The product of two complex numbers, or the real part of it.
static SmallVector<Value> emitMultiplied(ImplicitLocOpBuilder &b,
                                         ComplexParts lhs, ComplexParts rhs,
                                         bool isReal) {
  Value re = arith::MulFOp::create(b, lhs.re, rhs.re);
  if (lhs.im) {
    Value square = arith::MulFOp::create(b, lhs.im, rhs.im);
    re = arith::SubFOp::create(b, re, square);
  }
  if (isReal)
    return {re};
  Value im = arith::MulFOp::create(b, lhs.re, rhs.im);
  if (lhs.im) {
    Value other = arith::MulFOp::create(b, lhs.im, rhs.re);
    im = arith::AddFOp::create(b, im, other);
  }
  return {re, im};
}

Value FourierEmitter::reshape(Value value, ArrayRef<int64_t> shape) {
  auto type = cast<RankedTensorType>(value.getType());
  RankedTensorType to = type.clone(shape);
  if (type == to)
    return value;
  if (auto groups = getReassociationIndicesForReshape(type, to)) {
    if (type.getRank() > to.getRank())
      return tensor::CollapseShapeOp::create(b, to, value, *groups);
    return tensor::ExpandShapeOp::create(b, to, value, *groups);
  }
  return reshape(reshape(value, type.getNumElements()), shape);
}

Value FourierEmitter::transpose(Value value, ArrayRef<unsigned> order) {
  SmallVector<int64_t> shape;
  SmallVector<AffineExpr> places(order.size());
  for (auto [position, dim] : llvm::enumerate(order)) {
    shape.push_back(getShape(value)[dim]);
    places[dim] = b.getAffineDimExpr(position);
  }
  return emitElements(shape, 1, value, getMap(order.size(), places),
                      [](ImplicitLocOpBuilder &, ValueRange arguments) {
                        return SmallVector<Value>{arguments.front()};
                      })
      .front();
}

Value FourierEmitter::emitTable(ArrayRef<std::complex<double>> numbers) {
  SmallVector<APFloat> values;
  auto add = [&](double value) {
    bool isInexact;
    values.emplace_back(value);
    values.back().convert(element.getFloatSemantics(),
                          APFloat::rmNearestTiesToEven, &isInexact);
  };
  for (std::complex<double> number : numbers)
    add(number.real());
  for (std::complex<double> number : numbers)
    add(number.imag());
  auto type =
      RankedTensorType::get({2, static_cast<int64_t>(numbers.size())}, element);
  return arith::ConstantOp::create(b, DenseElementsAttr::get(type, values));
}

Value FourierEmitter::emitRoots(Kind kind) {
  SmallVector<std::complex<double>> roots;
  for (int64_t k = 0; k < kind.n; ++k) {
    std::complex<double> root = getRoot(k, kind.n);
    roots.push_back(kind.scale * (kind.sign < 0 ? std::conj(root) : root));
  }
  return emitTable(roots);
}

/// The matrix that real parts are multiplied by, or imaginary parts, of as many
/// rows as there are of these. Its columns are in two parts as well. With
/// `isHalf` a row stands for its conjugate too, if that is another.
Value FourierEmitter::emitMatrix(Value table, Kind kind,
                                 ArrayRef<int64_t> shape, bool isImaginary,
                                 bool isHalf) {
  auto body = [&](ImplicitLocOpBuilder &nested, ValueRange) {
    Value row = linalg::IndexOp::create(nested, 0);
    Value part = linalg::IndexOp::create(nested, 1);
    Value column = linalg::IndexOp::create(nested, 2);
    Value product = arith::MulIOp::create(nested, row, column);
    Value size = createIndex(nested, kind.n);
    Value root = arith::RemUIOp::create(nested, product, size);
    Value one = createIndex(nested, 1);
    Value which = isImaginary
                      ? arith::SubIOp::create(nested, one, part).getResult()
                      : part;
    Value value =
        tensor::ExtractOp::create(nested, table, ValueRange{which, root});
    if (isImaginary) {
      // The square of i.
      Value negative = arith::NegFOp::create(nested, value);
      Value isReal =
          arith::CmpIOp::create(nested, arith::CmpIPredicate::ne, part, one);
      value = arith::SelectOp::create(nested, isReal, negative, value);
    }
    if (isHalf) {
      // Neither the first is another's conjugate, nor that in the middle.
      Value twice = arith::AddIOp::create(nested, row, row);
      Value isOwn = arith::CmpIOp::create(
          nested, arith::CmpIPredicate::eq,
          arith::RemUIOp::create(nested, twice, size), createIndex(nested, 0));
      Value both = arith::AddFOp::create(nested, value, value);
      value = arith::SelectOp::create(nested, isOwn, value, both);
    }
    return SmallVector<Value>{value};
  };
  return emitElements(shape, 1, {}, {}, body).front();
}

/// The transform as products with a matrix for each part.
ComplexParts FourierEmitter::emitProduct(ComplexParts rows, Kind kind,
                                         int64_t outputs, bool isHalf) {
  int64_t count = getShape(rows.re)[0], inputs = getShape(rows.re)[1];
  SmallVector<int64_t> shape = {inputs, kind.isReal ? 1 : 2, outputs};
  Value table = emitRoots(kind);
  AffineExpr row = b.getAffineDimExpr(0), part = b.getAffineDimExpr(1);
  AffineExpr column = b.getAffineDimExpr(2), summed = b.getAffineDimExpr(3);
  SmallVector<AffineMap> maps = {getMap(4, {row, summed}),
                                 getMap(4, {summed, part, column}),
                                 getMap(4, {row, part, column})};
  SmallVector<utils::IteratorType> iterators(3, utils::IteratorType::parallel);
  iterators.push_back(utils::IteratorType::reduction);
  SmallVector<Value> products;
  for (Value factor : {rows.re, rows.im}) {
    if (!factor)
      continue;
    Value matrix = emitMatrix(table, kind, shape, factor != rows.re, isHalf);
    Value zeros = emitZeros(b, {count, shape[1], outputs}, element);
    products.push_back(
        emitSumsOfProducts(b, factor, matrix, zeros, maps, iterators));
  }
  auto getPart = [&](int64_t which) {
    AffineMap map =
        getMap(2, {row, b.getAffineConstantExpr(which), b.getAffineDimExpr(1)});
    SmallVector<AffineMap> partMaps(products.size(), map);
    return emitElements({count, outputs}, 1, products, partMaps,
                        [](ImplicitLocOpBuilder &nested, ValueRange terms) {
                          if (terms.size() == 1)
                            return SmallVector<Value>{terms.front()};
                          Value sum =
                              arith::AddFOp::create(nested, terms[0], terms[1]);
                          return SmallVector<Value>{sum};
                        })
        .front();
  };
  Value re = getPart(0);
  return {re, kind.isReal ? Value() : getPart(1)};
}

/// With j = j1 n2 + j2 and k = k1 + n1 k2: transforms over j1, roots of unity
/// of j2 k1, and transforms over j2. What moves elements between is part of
/// what computes them.
ComplexParts FourierEmitter::emitOfDivisors(ComplexParts rows, Kind kind,
                                            int64_t divisor) {
  int64_t count = getShape(rows.re)[0], n1 = divisor, n2 = kind.n / divisor;
  ComplexParts first = forParts(rows, [&](Value part) {
    Value columns = transpose(reshape(part, {count, n1, n2}), {0, 2, 1});
    return reshape(columns, {count * n2, n1});
  });
  first = emit(first, {n1, kind.sign, kind.scale});
  first = forParts(first,
                   [&](Value part) { return reshape(part, {count, n2, n1}); });

  Value table = emitRoots({kind.n, kind.sign, 1.0});
  AffineExpr row = b.getAffineDimExpr(0);
  AffineMap swapped =
      getMap(3, {row, b.getAffineDimExpr(2), b.getAffineDimExpr(1)});
  SmallVector<Value> turned = emitElements(
      {count, n1, n2}, 2, {first.re, first.im}, {swapped, swapped},
      [&](ImplicitLocOpBuilder &nested, ValueRange number) {
        Value k1 = linalg::IndexOp::create(nested, 1);
        Value j2 = linalg::IndexOp::create(nested, 2);
        Value root = arith::MulIOp::create(nested, k1, j2);
        Value cosine = tensor::ExtractOp::create(
            nested, table, ValueRange{createIndex(nested, 0), root});
        Value sine = tensor::ExtractOp::create(
            nested, table, ValueRange{createIndex(nested, 1), root});
        return emitMultiplied(nested, {number[0], number[1]}, {cosine, sine},
                              /*isReal=*/false);
      });
  ComplexParts second = forParts({turned[0], turned[1]}, [&](Value part) {
    return reshape(part, {count * n1, n2});
  });
  second = emit(second, {n2, kind.sign, 1.0, kind.isReal});
  return forParts(second, [&](Value part) {
    Value columns = transpose(reshape(part, {count, n1, n2}), {0, 2, 1});
    return reshape(columns, {count, kind.n});
  });
}

/// Each number of a row times one of `factors`.
ComplexParts FourierEmitter::multiply(ComplexParts rows,
                                      ArrayRef<std::complex<double>> factors,
                                      bool isReal) {
  Value table = emitTable(factors);
  AffineExpr row = b.getAffineDimExpr(0), column = b.getAffineDimExpr(1);
  SmallVector<Value> inputs = {table, table, rows.re};
  SmallVector<AffineMap> maps = {
      getMap(2, {b.getAffineConstantExpr(0), column}),
      getMap(2, {b.getAffineConstantExpr(1), column}),
      getMap(2, {row, column})};
  if (rows.im) {
    inputs.push_back(rows.im);
    maps.push_back(maps.back());
  }
  SmallVector<Value> products = emitElements(
      getShape(rows.re), isReal ? 1 : 2, inputs, maps,
      [&](ImplicitLocOpBuilder &nested, ValueRange arguments) {
        ComplexParts number = {arguments[2], rows.im ? arguments[3] : Value()};
        return emitMultiplied(nested, number, {arguments[0], arguments[1]},
                              isReal);
      });
  return {products[0], isReal ? Value() : products[1]};
}

/// Since 2 j k is j^2 + k^2 - (k - j)^2, the transform is a convolution with a
/// chirp, the roots of unity of halves of squares.
ComplexParts FourierEmitter::emitConvolution(ComplexParts rows, Kind kind) {
  int64_t count = getShape(rows.re)[0];
  auto length = static_cast<int64_t>(llvm::PowerOf2Ceil(2 * kind.n - 1));
  SmallVector<std::complex<double>> chirp, filter(length);
  for (int64_t j = 0, square = 0; j < kind.n; ++j) {
    std::complex<double> root = getRoot(square, 2 * kind.n);
    chirp.push_back(kind.sign < 0 ? std::conj(root) : root);
    filter[j] = filter[(length - j) % length] = std::conj(chirp.back());
    square = (square + 2 * j + 1) % (2 * kind.n);
  }
  transformOnHost(filter);
  ComplexParts turned = multiply(rows, chirp, /*isReal=*/false);
  Value zero = arith::ConstantOp::create(b, b.getZeroAttr(element));
  auto pad = [&](Value part) -> Value {
    SmallVector<OpFoldResult> low(2, b.getIndexAttr(0));
    SmallVector<OpFoldResult> high = {b.getIndexAttr(0),
                                      b.getIndexAttr(length - kind.n)};
    auto type = RankedTensorType::get({count, length}, element);
    return tensor::PadOp::create(b, type, part, low, high, zero);
  };
  Value re = pad(turned.re), im = pad(turned.im);
  ComplexParts product =
      multiply(emit({re, im}, {length, -1, 1.0}), filter, /*isReal=*/false);
  product = emit(product, {length, 1, 1.0 / static_cast<double>(length)});
  for (std::complex<double> &root : chirp)
    root *= kind.scale;
  re = takeColumns(product.re, kind.n);
  return multiply({re, takeColumns(product.im, kind.n)}, chirp, kind.isReal);
}

ComplexParts FourierEmitter::emit(ComplexParts rows, Kind kind) {
  if (kind.n == 1)
    return kind.isReal ? ComplexParts{rows.re, Value()} : rows;
  if (kind.n <= kLongestProduct)
    return emitProduct(rows, kind, kind.n, /*isHalf=*/false);
  // Of two divisors that are as near to each other as can be.
  int64_t divisor = 1;
  for (int64_t next = 2; next * next <= kind.n; ++next)
    if (kind.n % next == 0)
      divisor = next;
  return divisor == 1 ? emitConvolution(rows, kind)
                      : emitOfDivisors(rows, kind, divisor);
}

ComplexParts FourierEmitter::emitOfReal(Value rows, Kind kind) {
  int64_t outputs = kind.n / 2 + 1;
  if (kind.n == 1)
    return {rows, Value()};
  if (kind.n <= kLongestProduct)
    return emitProduct({rows, Value()}, kind, outputs, /*isHalf=*/false);
  ComplexParts all = emit({rows, Value()}, kind);
  Value re = takeColumns(all.re, outputs);
  return {re, takeColumns(all.im, outputs)};
}

Value FourierEmitter::emitToReal(ComplexParts rows, Kind kind) {
  kind.isReal = true;
  if (kind.n == 1)
    return rows.re;
  if (kind.n <= kLongestProduct)
    return emitProduct(rows, kind, kind.n, /*isHalf=*/true).re;
  // The others are conjugates; the first, and that in the middle, are real.
  auto extend = [&](bool isReal) {
    auto body = [&](ImplicitLocOpBuilder &nested, ValueRange) {
      Value row = linalg::IndexOp::create(nested, 0);
      Value column = linalg::IndexOp::create(nested, 1);
      Value size = createIndex(nested, kind.n);
      Value other = arith::SubIOp::create(nested, size, column);
      Value nearest = arith::MinSIOp::create(nested, column, other);
      Value value = tensor::ExtractOp::create(
          nested, isReal ? rows.re : rows.im, ValueRange{row, nearest});
      if (isReal)
        return SmallVector<Value>{value};
      Value negative = arith::NegFOp::create(nested, value);
      Value isOther = arith::CmpIOp::create(nested, arith::CmpIPredicate::slt,
                                            other, column);
      value = arith::SelectOp::create(nested, isOther, negative, value);
      Value twice = arith::AddIOp::create(nested, column, column);
      Value isOwn = arith::CmpIOp::create(
          nested, arith::CmpIPredicate::eq,
          arith::RemUIOp::create(nested, twice, size), createIndex(nested, 0));
      Value zero = arith::ConstantOp::create(nested, b.getZeroAttr(element));
      value = arith::SelectOp::create(nested, isOwn, zero, value);
      return SmallVector<Value>{value};
    };
    return emitElements({getShape(rows.re)[0], kind.n}, 1, {}, {}, body)
        .front();
  };
  Value re = extend(true);
  return emit({re, extend(false)}, kind).re;
}

//===----------------------------------------------------------------------===//
// The op
//===----------------------------------------------------------------------===//

namespace {
enum class FFTType { FFT, IFFT, RFFT, IRFFT };
} // namespace

static std::optional<FFTType> getType(Operation *op) {
  auto attribute = op->getAttrOfType<OpaqueAttr>("fft_type");
  if (!attribute)
    return std::nullopt;
  return llvm::StringSwitch<std::optional<FFTType>>(attribute.getAttrData())
      .Case("fft_type FFT", FFTType::FFT)
      .Case("fft_type IFFT", FFTType::IFFT)
      .Case("fft_type RFFT", FFTType::RFFT)
      .Case("fft_type IRFFT", FFTType::IRFFT)
      .Default(std::nullopt);
}

/// Whether `op` transforms the last dimensions, of these lengths, of a tensor
/// of static shape, and has the result of that.
static bool isWellFormed(Operation *op, FFTType type,
                         ArrayRef<int64_t> lengths) {
  if (op->getNumOperands() != 1 || op->getNumResults() != 1 ||
      lengths.empty() || lengths.size() > 3)
    return false;
  auto operand = dyn_cast<RankedTensorType>(op->getOperand(0).getType());
  auto result = dyn_cast<RankedTensorType>(op->getResult(0).getType());
  auto rank = static_cast<int64_t>(lengths.size());
  if (!operand || !result || !operand.hasStaticShape() ||
      !result.hasStaticShape() || operand.getRank() < rank ||
      llvm::any_of(lengths, [](int64_t length) { return length < 1; }))
    return false;
  auto isOf = [](Type element, Type real, bool isComplex) {
    return (real.isF32() || real.isF64()) &&
           element == (isComplex ? Type(ComplexType::get(real)) : real);
  };
  Type real = operand.getElementType();
  if (auto complex = dyn_cast<ComplexType>(real))
    real = complex.getElementType();
  if (!isOf(operand.getElementType(), real, type != FFTType::RFFT) ||
      !isOf(result.getElementType(), real, type != FFTType::IRFFT))
    return false;
  SmallVector<int64_t> from(operand.getShape().drop_back(rank));
  llvm::append_range(from, lengths);
  SmallVector<int64_t> to = from;
  if (type == FFTType::IRFFT)
    from.back() = from.back() / 2 + 1;
  if (type == FFTType::RFFT)
    to.back() = to.back() / 2 + 1;
  return operand.getShape() == ArrayRef(from) &&
         result.getShape() == ArrayRef(to);
}

LogicalResult approx_act::lowerFFT(Operation *op, RewriterBase &rewriter) {
  std::optional<FFTType> type = getType(op);
  auto attribute = op->getAttrOfType<DenseI64ArrayAttr>("fft_length");
  if (!type || !attribute || !isWellFormed(op, *type, attribute.asArrayRef()))
    return op->emitError("expected a Fourier transform of f32 or f64 over one "
                         "to three dimensions of static shape");
  auto resultType = cast<RankedTensorType>(op->getResult(0).getType());
  rewriter.setInsertionPoint(op);
  ImplicitLocOpBuilder b(op->getLoc(), rewriter);
  if (resultType.getNumElements() == 0) {
    rewriter.replaceOpWithNewOp<tensor::EmptyOp>(op, resultType, ValueRange());
    return success();
  }
  Value operand = op->getOperand(0);
  ComplexParts parts = *type == FFTType::RFFT ? ComplexParts{operand, Value()}
                                              : emitParts(b, operand);
  auto element = cast<FloatType>(getElementTypeOrSelf(parts.re.getType()));
  FourierEmitter emitter(b, element);
  ArrayRef<int64_t> lengths = attribute.asArrayRef();
  auto rank = static_cast<unsigned>(lengths.size());
  bool isInverse = *type == FFTType::IFFT || *type == FFTType::IRFFT;

  // All dimensions that are not transformed are one.
  ArrayRef<int64_t> outer = resultType.getShape().drop_back(rank);
  SmallVector<int64_t> shape = {ShapedType::getNumElements(outer)};
  llvm::append_range(
      shape,
      cast<RankedTensorType>(operand.getType()).getShape().take_back(rank));
  parts =
      forParts(parts, [&](Value part) { return emitter.reshape(part, shape); });

  // The dimension of which half is known is the first from what is real, and
  // the last to it.
  SmallVector<unsigned> dims = llvm::to_vector(llvm::seq(1U, rank + 1));
  if (!isInverse)
    std::reverse(dims.begin(), dims.end());
  for (unsigned dim : dims) {
    int64_t length = lengths[dim - 1];
    // It is where the rows are, and back.
    SmallVector<unsigned> order = llvm::to_vector(llvm::seq(0U, rank + 1));
    std::swap(order[dim], order.back());
    std::swap(shape[dim], shape.back());
    parts = forParts(parts, [&](Value part) {
      Value rows = dim == rank ? part : emitter.transpose(part, order);
      return emitter.reshape(
          rows, {ShapedType::getNumElements(ArrayRef(shape).drop_back()),
                 shape.back()});
    });
    FourierEmitter::Kind kind{length, isInverse ? 1 : -1,
                              isInverse ? 1.0 / static_cast<double>(length)
                                        : 1.0};
    if (dim == rank && *type == FFTType::RFFT)
      parts = emitter.emitOfReal(parts.re, kind);
    else if (dim == rank && *type == FFTType::IRFFT)
      parts = {emitter.emitToReal(parts, kind), Value()};
    else
      parts = emitter.emit(parts, kind);
    shape.back() = cast<RankedTensorType>(parts.re.getType()).getShape().back();
    parts = forParts(parts, [&](Value part) {
      Value rows = emitter.reshape(part, shape);
      return dim == rank ? rows : emitter.transpose(rows, order);
    });
    std::swap(shape[dim], shape.back());
  }
  parts = forParts(parts, [&](Value part) {
    return emitter.reshape(part, resultType.getShape());
  });
  rewriter.replaceOp(op, *type == FFTType::IRFFT ? parts.re
                                                 : emitComplex(b, parts));
  return success();
}
