//===- StableHLO.h - StableHLO in generic form ------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// A shim for the `stablehlo` dialect. No package has StableHLO for C++, and
/// the importer has parsed and verified every op with the real library, so the
/// shim keeps ops in generic form and attributes as text, to the letter, and
/// adds what the passes need: memory effects, inlining, and the models of
/// ResidualOpInterface. The foreign dialects that come with StableHLO programs
/// (shardings, …) are kept in the same opaque way, without models.
///
//===----------------------------------------------------------------------===//

#ifndef APPROX_ACT_DIALECT_STABLEHLO_STABLEHLO_H
#define APPROX_ACT_DIALECT_STABLEHLO_STABLEHLO_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"

namespace mlir::approx_act {

/// Keeps ops, attributes and types of a dialect whose definitions are
/// elsewhere: any op is accepted, attributes and types are opaque text.
class OpaqueDialect : public Dialect {
public:
  Attribute parseAttribute(DialectAsmParser &parser, Type type) const override;
  Type parseType(DialectAsmParser &parser) const override;

protected:
  OpaqueDialect(StringRef name, MLIRContext *context, TypeID id);
};

/// An opaque dialect whose ops are known by name: their memory effects, and
/// their models of ResidualOpInterface. Functions of them can be inlined.
class ModelledDialect : public OpaqueDialect {
public:
  ~ModelledDialect() override;

  void *getRegisteredInterfaceForOp(TypeID interfaceId,
                                    OperationName name) override;

protected:
  ModelledDialect(StringRef name, MLIRContext *context, TypeID id);

private:
  class Models;
  std::unique_ptr<Models> models;
};

/// The shim.
class StableHLODialect : public ModelledDialect {
public:
  explicit StableHLODialect(MLIRContext *context);
  static constexpr StringLiteral getDialectNamespace() { return "stablehlo"; }
};

/// Shardings of Shardy, and the constraints that carry them.
class ShardyDialect : public ModelledDialect {
public:
  explicit ShardyDialect(MLIRContext *context);
  static constexpr StringLiteral getDialectNamespace() { return "sdy"; }
};

/// Attributes that XLA reads on functions and arguments.
class MhloDialect : public OpaqueDialect {
public:
  explicit MhloDialect(MLIRContext *context);
  static constexpr StringLiteral getDialectNamespace() { return "mhlo"; }
};

/// Attributes that JAX adds (`jax.result_info`, …).
class JaxDialect : public OpaqueDialect {
public:
  explicit JaxDialect(MLIRContext *context);
  static constexpr StringLiteral getDialectNamespace() { return "jax"; }
};

/// Registers the shim and its companions.
void registerStableHLODialects(DialectRegistry &registry);

/// Whether `op` is `stablehlo.<name>`.
bool isStableHLOOp(Operation *op, StringRef name);

/// Whether running the op, regions and all, does something besides computing
/// its results: a custom call that says so, a transfer to or from the host, or
/// what an op of another dialect says of itself.
bool hasSideEffects(Operation *op);

/// The op that computes what `region` returns of its two arguments, in order,
/// where that is all that the region does: what a reduction combines with, or a
/// selection compares by. Null otherwise.
Operation *getCombiner(Region &region);

/// What makes an op like `op` with other operands and results, and as many
/// regions, which are empty. Shardings, which are listed by result, are left
/// out; other discardable attributes are kept.
OperationState makeStateLike(Operation *op, ValueRange operands,
                             TypeRange results);

/// The numbers of `name = [1, 2]` in the text of an attribute; none where it
/// has no such list.
SmallVector<int64_t> parseDimensions(StringRef text, StringRef name);

/// Creates StableHLO ops, at the insertion point and location of a builder.
class StableHLOBuilder {
public:
  StableHLOBuilder(OpBuilder &builder, Location loc)
      : builder(builder), loc(loc) {}

  static constexpr bool kIsForKernels = false;

  /// An op with the given name (without the dialect's prefix).
  Operation *create(StringRef name, ValueRange operands, TypeRange results,
                    ArrayRef<NamedAttribute> attributes = {});

  /// An elementwise op whose result has the type of its first operand.
  Value elementwise(StringRef name, ValueRange operands);

  /// A tensor of type `type` with `value` everywhere; integers are rounded.
  Value splat(RankedTensorType type, double value);

  /// A tensor like `value` with `constant` everywhere.
  Value splatLike(Value value, double constant) {
    return splat(cast<RankedTensorType>(value.getType()), constant);
  }

  static Type getElementType(Value value) {
    return cast<RankedTensorType>(value.getType()).getElementType();
  }

  Value constant(ElementsAttr value);

  /// `lhs direction rhs`, direction one of EQ, NE, GE, GT, LE, LT.
  Value compare(StringRef direction, Value lhs, Value rhs);

  Value select(Value condition, Value onTrue, Value onFalse);
  Value convert(Value value, Type elementType);
  Value bitcastConvert(Value value, Type elementType);
  Value reshape(Value value, ArrayRef<int64_t> shape);
  Value broadcastInDim(Value value, ArrayRef<int64_t> shape,
                       ArrayRef<int64_t> dims);
  Value iota(RankedTensorType type, int64_t dim);
  /// `value` with a first dimension of size 1.
  Value addUnitDim(Value value);
  /// `value` without its first dimension, whose size is 1.
  Value dropUnitDim(Value value);
  /// One or more values, one behind the other in dimension `dim`.
  Value concatenate(ValueRange values, int64_t dim);

  /// `value[starts : limits : strides]`, with unit strides by default.
  Value slice(Value value, ArrayRef<int64_t> starts, ArrayRef<int64_t> limits,
              ArrayRef<int64_t> strides = {});
  /// `size` elements of dimension `dim` from `start` on, all of the others.
  Value sliceDim(Value value, int64_t dim, int64_t start, int64_t size);

  /// Element `index` of `stack` along its first dimension, without that.
  Value readStack(Value stack, Value index);

  /// `stack` with `element` in the place of element `index`.
  Value writeStack(Value stack, Value element, Value index);

  /// `value` among zeros in a tensor of `shape`: element `i` along a dimension
  /// is at `start + i · stride`.
  Value pad(Value value, ArrayRef<int64_t> shape, ArrayRef<int64_t> starts,
            ArrayRef<int64_t> strides);

  /// Zeros appended to dimension `dim` until it has `size` elements.
  Value padHigh(Value value, int64_t dim, int64_t size);

  /// `value` reduced over `dims` with the binary op `combiner`.
  Value reduce(StringRef combiner, Value value, Value init,
               ArrayRef<int64_t> dims);

private:
  OpBuilder &builder;
  Location loc;
};

} // namespace mlir::approx_act

#endif // APPROX_ACT_DIALECT_STABLEHLO_STABLEHLO_H
