//===- MergeObjects.cpp - One binary for several chips --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "approx-act/GPU/Passes.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/Endian.h"

namespace mlir::approx_act {
#define GEN_PASS_DEF_MERGEOBJECTS
#include "approx-act/GPU/Passes.h.inc"
} // namespace mlir::approx_act

using namespace mlir;
using namespace mlir::approx_act;
namespace endian = llvm::support::endian;

// A fatbin is a header and then images, each with a header of its own: the
// magic number, the version, and the sizes of the header and of all images.
static constexpr uint32_t kMagic = 0xBA55ED50;
static constexpr uint16_t kVersion = 1;
static constexpr size_t kHeaderBytes = 16;

/// The images of a fatbin, or nothing if it is not one as we know it.
static std::optional<StringRef> getImages(StringRef fatbin) {
  if (fatbin.size() < kHeaderBytes)
    return std::nullopt;
  const char *data = fatbin.data();
  if (endian::read32le(data) != kMagic ||
      endian::read16le(data + 4) != kVersion ||
      endian::read16le(data + 6) != kHeaderBytes ||
      endian::read64le(data + 8) > fatbin.size() - kHeaderBytes)
    return std::nullopt;
  return fatbin.substr(kHeaderBytes, endian::read64le(data + 8));
}

/// Takes from an object how long it took to compile: the same program gives the
/// same output.
static gpu::ObjectAttr removeTimes(gpu::ObjectAttr object) {
  DictionaryAttr properties = object.getProperties();
  if (!properties)
    return object;
  SmallVector<NamedAttribute> kept;
  for (NamedAttribute property : properties)
    if (!property.getName().getValue().ends_with("TimeInMs"))
      kept.push_back(property);
  MLIRContext *context = object.getContext();
  return gpu::ObjectAttr::get(
      context, object.getTarget(), object.getFormat(), object.getObject(),
      kept.empty() ? nullptr : DictionaryAttr::get(context, kept),
      object.getKernels());
}

/// Makes one object of those of all chips.
static LogicalResult merge(gpu::BinaryOp binary) {
  auto objects = llvm::map_to_vector(
      binary.getObjects().getAsRange<gpu::ObjectAttr>(), removeTimes);
  binary.setObjectsAttr(
      ArrayAttr::get(binary.getContext(),
                     SmallVector<Attribute>(objects.begin(), objects.end())));
  if (objects.size() < 2)
    return success();
  std::string merged(kHeaderBytes, '\0');
  for (gpu::ObjectAttr object : objects) {
    std::optional<StringRef> images = getImages(object.getObject().getValue());
    if (object.getFormat() != gpu::CompilationTarget::Fatbin || !images)
      return binary.emitError("only objects in format fatbin can be for "
                              "several chips, but here are ")
             << objects.size() << " in format "
             << gpu::stringifyEnum(object.getFormat());
    merged += *images;
  }
  endian::write32le(&merged[0], kMagic);
  endian::write16le(&merged[4], kVersion);
  endian::write16le(&merged[6], kHeaderBytes);
  endian::write64le(&merged[8], merged.size() - kHeaderBytes);
  MLIRContext *context = binary.getContext();
  auto object = gpu::ObjectAttr::get(
      context, objects.front().getTarget(), gpu::CompilationTarget::Fatbin,
      StringAttr::get(context, merged), objects.front().getProperties(),
      objects.front().getKernels());
  binary.setObjectsAttr(ArrayAttr::get(context, {object}));
  return success();
}

namespace {
struct MergeObjects : approx_act::impl::MergeObjectsBase<MergeObjects> {
  void runOnOperation() override {
    for (auto binary : getOperation().getOps<gpu::BinaryOp>())
      if (failed(merge(binary)))
        return signalPassFailure();
  }
};
} // namespace
