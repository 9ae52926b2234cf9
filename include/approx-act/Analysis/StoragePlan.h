//===- StoragePlan.h - What to store of the forward pass --------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Decides which forward values the backward pass finds stored, and as what,
/// and which it computes again from those: a minimum cut over the ops that are
/// cheap to compute again, with the stored size of each value as capacity. See
/// docs/design.md for the graph.
///
//===----------------------------------------------------------------------===//

#ifndef APPROX_ACT_ANALYSIS_STORAGEPLAN_H
#define APPROX_ACT_ANALYSIS_STORAGEPLAN_H

#include "approx-act/Analysis/BranchResult.h"
#include "approx-act/Analysis/Normalisation.h"
#include "approx-act/Analysis/Residuals.h"
#include "approx-act/Analysis/SmoothFunction.h"
#include "approx-act/Analysis/Threshold.h"
#include "llvm/ADT/MapVector.h"

namespace mlir::approx_act {

struct StorageOptions {
  /// Bits per code.
  unsigned bits = 4;
  /// The smallest residuals stay exact, as many sizes of them as together make
  /// at most this fraction of the bytes of all residuals.
  double minFraction = 1.0 / 500;
  /// Whether a grid may use the moments that the program has computed.
  bool useMoments = true;
  /// Whether a value without known moments stays exact.
  bool requireMoments = false;
  /// Whether the backward pass can read what the function returns. (What one
  /// iteration of a loop returns is gone when the backward loop runs.)
  bool keepsResults = true;
  /// Values that the backward pass finds outside of the step, as they are or
  /// approximated: of a branch, what it captures and what it returns. How they
  /// are stored is decided there, so that what several branches and others
  /// read is stored once.
  llvm::DenseSet<Value> outside;
};

enum class StorageKind {
  /// As it is.
  Exact,
  /// A boolean in one bit.
  Mask,
  /// A floating-point value as codes on a grid.
  Codes,
};

/// A mask that codes carry.
struct SideMask {
  /// The mask, true where `chain` applied to the stored value is above `cut`
  /// (below it unless `isAbove`).
  Value mask;
  AffineChain chain;
  double cut = 0.0;
  bool isAbove = true;
  /// Whether the value is read through a function that is not linear on either
  /// side (an ELU), so that cells should not be wider where the mask is false.
  bool isEven = false;
};

/// How one value is stored.
struct Storage {
  StorageKind kind = StorageKind::Exact;
  /// Bits per element as stored.
  unsigned bits = 0;
  /// Whether it is of `StorageOptions::outside`, and not stored here.
  bool isOutside = false;
  /// For codes: the moments that set the grid, if the program knows them.
  std::optional<Moments> moments;
  /// For codes: whether they stand for the square root of the value.
  bool isOfRoot = false;
  /// For codes: the mask that they carry.
  std::optional<SideMask> side;
  /// Why it is stored so, in a few words.
  std::string reason;
};

/// The decision for one function.
class StoragePlan {
public:
  StoragePlan(const Turnaround &turnaround, const ResidualAnalysis &residuals,
              const NormalisationAnalysis &normalisation,
              const StorageOptions &options);

  /// Every stored value, in program order.
  const llvm::MapVector<Value, Storage> &getStored() const { return stored; }

  /// How `value` is stored; null when it is not.
  const Storage *lookup(Value value) const;

  /// The stored value whose codes carry `mask`, or null.
  Value getCarrier(Value mask) const { return carriers.lookup(mask); }

  /// Whether the backward pass computes `value` again.
  bool isRecomputed(Value value) const { return recomputed.contains(value); }

  /// As a function of which other value `value` is computed again; null when it
  /// is computed from its operands, or not again.
  const SmoothFunction *getFunction(Value value) const;

  /// What a recomputed value is computed from.
  SmallVector<Value> getSources(Value value) const;

  /// How a recomputed value is computed, if it is a result of branches; else
  /// null.
  const BranchResult *getBranchResult(Value value) const;

  /// Whether it is decided elsewhere how `value` is stored.
  bool isOutside(Value value) const { return outside.contains(value); }

  /// Whether the backward pass can use `value` as it is at no cost: arguments,
  /// results of the function, constants.
  bool isFree(Value value) const;

  /// Whether `value` is worth storing otherwise than as it is: of rank 1 or
  /// more, and larger than `StorageOptions::minFraction` allows.
  bool isLarge(Value value) const;

  void print(raw_ostream &os) const;

private:
  class Builder;

  const Turnaround &turnaround;
  /// A residual of at most so many bytes stays exact.
  int64_t smallBytes;
  llvm::MapVector<Value, Storage> stored;
  llvm::DenseMap<Value, Value> carriers;
  llvm::DenseSet<Value> recomputed;
  llvm::DenseMap<Value, SmoothFunction> functions;
  llvm::DenseSet<Value> returned;
  llvm::DenseSet<Value> outside;
  llvm::DenseMap<Value, BranchResult> branchResults;
};

} // namespace mlir::approx_act

#endif // APPROX_ACT_ANALYSIS_STORAGEPLAN_H
