//===- ResidualRewriter.h - Stores and restores residuals -------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Carries a StoragePlan out: stores in the forward pass (StoreResiduals.cpp,
/// with the grids of MakeGrids.cpp), restores and recomputes in the backward
/// pass (RestoreResiduals.cpp, and in branches RestoreBranches.cpp).
///
//===----------------------------------------------------------------------===//

#ifndef APPROX_ACT_LIB_TRANSFORMS_RESIDUALREWRITER_H
#define APPROX_ACT_LIB_TRANSFORMS_RESIDUALREWRITER_H

#include "approx-act/Analysis/StoragePlan.h"
#include "approx-act/Dialect/ApproxAct/IR/ApproxAct.h"
#include "approx-act/Dialect/StableHLO/Branches.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/EquivalenceClasses.h"

namespace mlir::approx_act {

/// How grids are made.
struct GridOptions {
  /// Half width of a normalised interval, in standard deviations.
  double sigma = 0.0;
  /// How much narrower the cells are on the side on which a mask is true.
  double ratio = 1.0;
  /// The rule for values whose moments are not used.
  RangeRule fallback = RangeRule::MinMax;
  /// Absent: by the number of elements per channel.
  std::optional<GranularityKind> granularity;
  int64_t groupSize = 0;
  RoundingMode rounding = RoundingMode::Nearest;
  uint32_t seed = 0;
  /// Whether the program runs on many devices.
  bool isDistributed = false;
};

/// The shape of the parameters of the grid of a value of `type`, stored as
/// codes: of its rank, 1 where elements share a block.
SmallVector<int64_t> getGridShape(RankedTensorType type, const Storage &storage,
                                  const GridOptions &options);

/// Whether the value is on one grid because its elements cannot be divided into
/// groups of the size that the options ask for.
bool isLeftWithoutGroups(RankedTensorType type, const Storage &storage,
                         const GridOptions &options);

/// Bytes of these parameters.
int64_t getGridBytes(RankedTensorType type, const Storage &storage,
                     const GridOptions &options);

class ResidualRewriter {
public:
  ResidualRewriter(const Turnaround &turnaround, const StoragePlan &plan,
                   const GridOptions &options);

  void run();

private:
  /// A value as stored.
  struct Stored {
    /// What is kept: words, or codes and masks that need no packing.
    Value words;
    RankedTensorType codesType;
    /// Of a value that is stored together with others like it, in a new first
    /// dimension of the words and of the grid: its place there.
    std::optional<unsigned> stackIndex;
    std::optional<Packing> packing;
    /// Of codes: the grid,
    Value lo, step;
    /// or, of codes that carry a mask, the split grid.
    Value edge, below, above, split;

    /// The members that a restoration reads: of the value, or of the mask that
    /// its codes carry.
    SmallVector<Value *, 5> getParts(bool ofMask);
  };

  /// A value that a forward op reads, as an operand or in its regions, and that
  /// no other op can absorb.
  struct Exit {
    Operation *op = nullptr;
    Value carried;
  };

  /// The ops of the backward pass that share one restoration of a value or a
  /// mask: those connected by arithmetic and reductions. A contraction is
  /// alone, for what it reads it reads from memory.
  using Cluster = std::pair<Value, unsigned>;

  /// What the restoration of a value starts from.
  struct Sources {
    /// Stored values, and masks that codes carry; where there are none, exact
    /// values that a restoration has to be kept apart from the forward pass by.
    SmallVector<Value, 2> roots;
    /// Exact values that are read beside the roots.
    SmallVector<Value, 2> companions;
  };

  // The forward pass.
  void storeAll();
  Operation *getStorePoint(Value value, const Storage &storage) const;
  std::optional<Exit> findExit(Value value, Operation *after) const;
  /// Values that leave together, in the groups that are stored as one.
  SmallVector<SmallVector<Value>> stackSmall(ArrayRef<Value> values) const;
  Stored store(OpBuilder &builder, ArrayRef<Value> values,
               const Storage &storage);
  void makeGrid(OpBuilder &builder, Value value, ArrayRef<int64_t> shape,
                const Storage &storage, Stored &stored);
  std::pair<Value, Value> makeAffine(OpBuilder &builder, Location loc,
                                     const SideMask &side,
                                     RankedTensorType type) const;
  /// `value`, or, if it is derived and defined at or after `point`, a copy
  /// before it.
  Value hoist(OpBuilder &builder, Value value, Operation *point) const;
  void collectForwardLeaves(Value value, SmallVectorImpl<Value> &leaves) const;

  // The backward pass.
  void connectBackward();
  void restoreAll();
  void planClusters();
  /// By value: the map that holds the sources grows.
  Sources getSources(Value value);
  SmallVector<OpOperand *> getRestoredUses(Operation *op) const;
  /// Whether an op behind `op` reads the value, one that `isReader` takes.
  bool isReadAfter(Operation *op, Value value,
                   llvm::function_ref<bool(Operation *)> isReader) const;
  /// What restoring for `op` waits for, last: the cotangent that arrives there,
  /// or what it is computed from; before it, what is computed on the way, from
  /// the value that `op` reads. Where no cotangent arrives, the loss, so that
  /// nothing is restored during the forward pass.
  SmallVector<Value> findAwaited(Operation *op) const;
  /// Moves views of `value` behind `op`, which reads none of them; whether
  /// nothing before `op` reads the value now.
  bool sinkViews(Value value, Operation *op);
  void openClusters(Operation *op, ArrayRef<Value> restored);
  /// How a root or a companion is stored; one that is exact as its own words.
  Stored getStored(Value value) const;
  /// A barrier of `values` before `point`. From there on, cotangents and the
  /// loss among them are read behind it.
  BarrierOp tieBefore(Operation *point, Location loc, ArrayRef<Value> values);
  Value restore(OpBuilder &builder, Value value, unsigned component);
  /// Computes a result of branches again, of what each branch restores.
  Value restoreBranches(OpBuilder &builder, const BranchResult &branches,
                        unsigned component);
  /// Restores in each branch what that branch reads, so that one that is not
  /// taken restores nothing. `values` are those of `uses`.
  void restoreInBranches(const Branches &branches, ArrayRef<OpOperand *> uses,
                         ArrayRef<Value> values);
  Value quantize(OpBuilder &builder, Value value, Value mask,
                 const Stored &stored) const;
  Value dequantize(OpBuilder &builder, Location loc, Type type, Value codes,
                   const Stored &stored) const;
  /// The value by itself, of a stack that it is in.
  Stored readFromStack(OpBuilder &builder, Location loc, Stored stored) const;
  Value restoreCodes(OpBuilder &builder, Location loc,
                     const Stored &stored) const;

  bool isBefore(Operation *a, Operation *b) const {
    return a->isBeforeInBlock(b);
  }

  const Turnaround &turnaround;
  const StoragePlan &plan;
  const GridOptions &options;
  Block &block;

  /// Backward ops in program order, before anything is inserted.
  SmallVector<Operation *> backwardOps;
  llvm::DenseMap<Operation *, unsigned> components;

  llvm::DenseMap<Value, Stored> stored;
  /// The forward values that barriers hand on, by the barriers' results.
  llvm::DenseMap<Value, Value> originals;
  llvm::DenseMap<Value, Sources> sources;
  /// The companions of each cluster, over all values restored in it.
  llvm::DenseMap<Cluster, llvm::SetVector<Value>> companions;
  /// Barriers behind contractions, of their results and their cotangents.
  llvm::DenseSet<Operation *> finishes;
  /// What each open cluster restores from, behind its barrier.
  llvm::DenseMap<Cluster, Stored> open;
  /// Restored values by value and component.
  llvm::DenseMap<Cluster, Value> restoredValues;
};

} // namespace mlir::approx_act

#endif // APPROX_ACT_LIB_TRANSFORMS_RESIDUALREWRITER_H
