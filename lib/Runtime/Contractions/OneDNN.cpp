//===- OneDNN.cpp - Contractions on the CPU -------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// Uses oneDNN's C interface, since the C++ one throws. Where the library has
/// no good implementation for the layouts of the operands it chooses those it
/// works in; operands are reordered to them and back.
///
//===----------------------------------------------------------------------===//

#include "../Support.h"
#include "ContractionLibrary.h"
#include <cstring>
#include <dnnl.h>

using namespace llvm;
using namespace mlir::approx_act;
using namespace mlir::approx_act::runtime;

static void check(dnnl_status_t status, StringRef call) {
  if (status != dnnl_success)
    fail("oneDNN: " + call + " failed with status " + Twine(status));
}
#define CHECKED(FUNCTION, ...) check(FUNCTION(__VA_ARGS__), #FUNCTION)

namespace {
template <typename T, dnnl_status_t (*destroy)(T)>
struct Destroyer {
  void operator()(T handle) const { destroy(handle); }
};
template <typename T, dnnl_status_t (*destroy)(T)>
using Handle = std::unique_ptr<std::remove_pointer_t<T>, Destroyer<T, destroy>>;
using PrimitiveDesc =
    Handle<dnnl_primitive_desc_t, dnnl_primitive_desc_destroy>;
using Primitive = Handle<dnnl_primitive_t, dnnl_primitive_destroy>;
using Memory = Handle<dnnl_memory_t, dnnl_memory_destroy>;

/// An operand of a primitive.
struct Operand {
  /// What the primitive calls it, when run and when asked.
  int argument;
  dnnl_query_t query;
  dnnl_memory_desc_t desc;
  float *data;
  bool isResult;
};

class OneDNN : public ContractionLibrary {
public:
  OneDNN();

  void fillZero(float *data, int64_t elements) override {
    std::memset(data, 0, elements * sizeof(float));
  }
  void copy(const StridedView &to, const StridedView &from) override;
  void multiply(const StridedView &c, const StridedView &a,
                const StridedView &b) override;
  bool convolve(ConvolutionKind kind, const ApproxActConvolution &convolution,
                const ConvolutionOperands &operands) override;

private:
  Memory makeMemory(const dnnl_memory_desc_t &desc, void *data) const;
  PrimitiveDesc makePrimitiveDesc(const_dnnl_op_desc_t op,
                                  const_dnnl_primitive_desc_t hint) const;
  PrimitiveDesc makeConvolutionDesc(ConvolutionKind kind,
                                    const ApproxActConvolution &convolution,
                                    const dnnl_memory_desc_t &input,
                                    const dnnl_memory_desc_t &filter,
                                    const dnnl_memory_desc_t &output) const;
  void reorder(dnnl_memory_t from, const dnnl_memory_desc_t &fromDesc,
               dnnl_memory_t to, const dnnl_memory_desc_t &toDesc) const;
  void execute(const_dnnl_primitive_desc_t desc,
               ArrayRef<dnnl_exec_arg_t> arguments) const;
  void run(const PrimitiveDesc &desc, ArrayRef<Operand> operands) const;

  dnnl_engine_t engine = nullptr;
  dnnl_stream_t queue = nullptr;
};
} // namespace

OneDNN::OneDNN() : ContractionLibrary(/*stream=*/nullptr) {
  CHECKED(dnnl_engine_create, &engine, dnnl_cpu, 0);
  CHECKED(dnnl_stream_create, &queue, engine, dnnl_stream_default_flags);
}

static dnnl_memory_desc_t makeDesc(ArrayRef<int64_t> sizes,
                                   ArrayRef<int64_t> strides) {
  dnnl_memory_desc_t desc;
  CHECKED(dnnl_memory_desc_init_by_strides, &desc, sizes.size(), sizes.data(),
          dnnl_f32, strides.data());
  return desc;
}

static dnnl_memory_desc_t makeDesc(const StridedView &view) {
  return makeDesc(view.sizes, view.strides);
}

/// The same with the layout left to the library.
static dnnl_memory_desc_t makeAnyDesc(const dnnl_memory_desc_t &desc) {
  dnnl_memory_desc_t any;
  CHECKED(dnnl_memory_desc_init_by_tag, &any, desc.ndims, desc.dims, dnnl_f32,
          dnnl_format_tag_any);
  return any;
}

Memory OneDNN::makeMemory(const dnnl_memory_desc_t &desc, void *data) const {
  dnnl_memory_t memory = nullptr;
  CHECKED(dnnl_memory_create, &memory, &desc, engine, data);
  return Memory(memory);
}

/// Null when the library has no implementation.
PrimitiveDesc
OneDNN::makePrimitiveDesc(const_dnnl_op_desc_t op,
                          const_dnnl_primitive_desc_t hint) const {
  dnnl_primitive_desc_t desc = nullptr;
  dnnl_status_t status =
      dnnl_primitive_desc_create(&desc, op, /*attr=*/nullptr, engine, hint);
  if (status == dnnl_unimplemented)
    return nullptr;
  check(status, "dnnl_primitive_desc_create");
  return PrimitiveDesc(desc);
}

void OneDNN::execute(const_dnnl_primitive_desc_t desc,
                     ArrayRef<dnnl_exec_arg_t> arguments) const {
  dnnl_primitive_t created = nullptr;
  CHECKED(dnnl_primitive_create, &created, desc);
  Primitive primitive(created);
  CHECKED(dnnl_primitive_execute, created, queue, arguments.size(),
          arguments.data());
  CHECKED(dnnl_stream_wait, queue);
}

void OneDNN::reorder(dnnl_memory_t from, const dnnl_memory_desc_t &fromDesc,
                     dnnl_memory_t to, const dnnl_memory_desc_t &toDesc) const {
  dnnl_primitive_desc_t created = nullptr;
  CHECKED(dnnl_reorder_primitive_desc_create, &created, &fromDesc, engine,
          &toDesc, engine, /*attr=*/nullptr);
  PrimitiveDesc desc(created);
  execute(created, {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}});
}

void OneDNN::copy(const StridedView &to, const StridedView &from) {
  dnnl_memory_desc_t fromDesc = makeDesc(from);
  dnnl_memory_desc_t toDesc = makeDesc(to);
  Memory source = makeMemory(fromDesc, from.data);
  Memory target = makeMemory(toDesc, to.data);
  reorder(source.get(), fromDesc, target.get(), toDesc);
}

/// Runs a primitive on operands in layouts of their own.
void OneDNN::run(const PrimitiveDesc &desc, ArrayRef<Operand> operands) const {
  SmallVector<Memory> given;
  SmallVector<Memory> used;
  SmallVector<const dnnl_memory_desc_t *> wanted;
  SmallVector<dnnl_exec_arg_t> arguments;
  for (const Operand &operand : operands) {
    const dnnl_memory_desc_t *layout =
        dnnl_primitive_desc_query_md(desc.get(), operand.query, 0);
    wanted.push_back(layout);
    given.push_back(makeMemory(operand.desc, operand.data));
    if (dnnl_memory_desc_equal(layout, &operand.desc)) {
      used.push_back(nullptr);
      arguments.push_back({operand.argument, given.back().get()});
      continue;
    }
    used.push_back(makeMemory(*layout, DNNL_MEMORY_ALLOCATE));
    arguments.push_back({operand.argument, used.back().get()});
    if (!operand.isResult)
      reorder(given.back().get(), operand.desc, used.back().get(), *layout);
  }
  execute(desc.get(), arguments);
  for (auto [index, operand] : enumerate(operands))
    if (operand.isResult && used[index])
      reorder(used[index].get(), *wanted[index], given[index].get(),
              operand.desc);
}

void OneDNN::multiply(const StridedView &c, const StridedView &a,
                      const StridedView &b) {
  // Two dimensions are faster than three with one batch.
  auto makeMatrix = [](const StridedView &view) {
    unsigned dropped = view.sizes.front() == 1 ? 1 : 0;
    return makeDesc(ArrayRef(view.sizes).drop_front(dropped),
                    ArrayRef(view.strides).drop_front(dropped));
  };
  dnnl_memory_desc_t cDesc = makeMatrix(c);
  dnnl_memory_desc_t aDesc = makeMatrix(a);
  dnnl_memory_desc_t bDesc = makeMatrix(b);
  dnnl_matmul_desc_t op;
  CHECKED(dnnl_matmul_desc_init, &op, &aDesc, &bDesc, /*bias=*/nullptr, &cDesc);
  PrimitiveDesc desc = makePrimitiveDesc(&op, /*hint=*/nullptr);
  if (!desc)
    fail("oneDNN has no product of matrices in these layouts");
  run(desc, {{DNNL_ARG_SRC, dnnl_query_src_md, aDesc, a.data, false},
             {DNNL_ARG_WEIGHTS, dnnl_query_weights_md, bDesc, b.data, false},
             {DNNL_ARG_DST, dnnl_query_dst_md, cDesc, c.data, true}});
}

/// The filter, with a dimension of its own for groups when there are several.
static dnnl_memory_desc_t makeFilterDesc(const StridedView &filter,
                                         int64_t groups) {
  if (groups == 1)
    return makeDesc(filter);
  SmallVector<int64_t> sizes(ArrayRef(filter.sizes));
  SmallVector<int64_t> strides(ArrayRef(filter.strides));
  sizes.front() /= groups;
  sizes.insert(sizes.begin(), groups);
  strides.insert(strides.begin(), strides.front() * sizes[1]);
  return makeDesc(sizes, strides);
}

/// Null when the library has no implementation.
PrimitiveDesc OneDNN::makeConvolutionDesc(
    ConvolutionKind kind, const ApproxActConvolution &convolution,
    const dnnl_memory_desc_t &input, const dnnl_memory_desc_t &filter,
    const dnnl_memory_desc_t &output) const {
  // The library counts the gaps of a dilated filter.
  dnnl_dims_t dilations;
  for (int i = 0; i < convolution.rank; ++i)
    dilations[i] = convolution.filterDilations[i] - 1;
  const int64_t *strides = convolution.windowStrides;
  const int64_t *low = convolution.paddingLow;
  const int64_t *high = convolution.paddingHigh;

  dnnl_convolution_desc_t op;
  if (dnnl_dilated_convolution_forward_desc_init(
          &op, dnnl_forward_training, dnnl_convolution_direct, &input, &filter,
          /*bias=*/nullptr, &output, strides, dilations, low,
          high) != dnnl_success)
    return nullptr;
  PrimitiveDesc forward = makePrimitiveDesc(&op, /*hint=*/nullptr);
  if (!forward || kind == ConvolutionKind::Forward)
    return forward;
  if (kind == ConvolutionKind::InputGradient)
    CHECKED(dnnl_dilated_convolution_backward_data_desc_init, &op,
            dnnl_convolution_direct, &input, &filter, &output, strides,
            dilations, low, high);
  else
    CHECKED(dnnl_dilated_convolution_backward_weights_desc_init, &op,
            dnnl_convolution_direct, &input, &filter, /*bias=*/nullptr, &output,
            strides, dilations, low, high);
  return makePrimitiveDesc(&op, forward.get());
}

/// Whether an implementation is one of those that are generated for the
/// processor.
static bool isFast(const PrimitiveDesc &desc) {
  const char *text = nullptr;
  CHECKED(dnnl_primitive_desc_query, desc.get(), dnnl_query_impl_info_str, 0,
          static_cast<void *>(&text));
  StringRef name = text;
  return name.starts_with("jit") || name.starts_with("brg");
}

bool OneDNN::convolve(ConvolutionKind kind,
                      const ApproxActConvolution &convolution,
                      const ConvolutionOperands &operands) {
  dnnl_memory_desc_t inputDesc = makeDesc(operands.input);
  dnnl_memory_desc_t filterDesc =
      makeFilterDesc(operands.filter, convolution.groups);
  dnnl_memory_desc_t outputDesc = makeDesc(operands.output);
  // The filter is small.
  dnnl_memory_desc_t anyFilter = makeAnyDesc(filterDesc);
  PrimitiveDesc desc =
      makeConvolutionDesc(kind, convolution, inputDesc, anyFilter, outputDesc);
  if (!desc || !isFast(desc))
    desc = makeConvolutionDesc(kind, convolution, makeAnyDesc(inputDesc),
                               anyFilter, makeAnyDesc(outputDesc));
  if (!desc)
    return false;
  bool isForward = kind == ConvolutionKind::Forward;
  bool isInputGradient = kind == ConvolutionKind::InputGradient;
  auto choose = [](bool isGradient, auto gradient, auto value) {
    return isGradient ? gradient : value;
  };
  bool isFilterGradient = kind == ConvolutionKind::FilterGradient;
  run(desc,
      {{choose(isInputGradient, DNNL_ARG_DIFF_SRC, DNNL_ARG_SRC),
        choose(isInputGradient, dnnl_query_diff_src_md, dnnl_query_src_md),
        inputDesc, operands.input.data, isInputGradient},
       {choose(isFilterGradient, DNNL_ARG_DIFF_WEIGHTS, DNNL_ARG_WEIGHTS),
        choose(isFilterGradient, dnnl_query_diff_weights_md,
               dnnl_query_weights_md),
        filterDesc, operands.filter.data, isFilterGradient},
       {choose(!isForward, DNNL_ARG_DIFF_DST, DNNL_ARG_DST),
        choose(!isForward, dnnl_query_diff_dst_md, dnnl_query_dst_md),
        outputDesc, operands.output.data, isForward}});
  return true;
}

std::unique_ptr<ContractionLibrary> runtime::createOneDNN() {
  return std::make_unique<OneDNN>();
}
