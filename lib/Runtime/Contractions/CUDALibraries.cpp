//===- CUDALibraries.cpp - Contractions on a CUDA device ------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../Device.h"
#include "../SharedLibrary.h"
#include "ContractionLibrary.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"
#include <atomic>

using namespace llvm;
using namespace mlir::approx_act;
using namespace mlir::approx_act::runtime;

namespace {
/// The parts of the libraries' interfaces that we use. Their types are handles,
/// enumerations and numbers of the sizes given here.
using Status = int;
using Handle = void *;

struct CuBLAS {
  Status (*cublasCreate)(Handle *);
  Status (*cublasDestroy)(Handle);
  Status (*cublasSetStream)(Handle, Handle);
  Status (*cublasSgemmStridedBatched)(Handle, int, int, int64_t, int64_t,
                                      int64_t, const float *, const float *,
                                      int64_t, long long, const float *,
                                      int64_t, long long, const float *,
                                      float *, int64_t, long long, int64_t);
};

/// How good an algorithm of a convolution is.
struct AlgorithmPerformance {
  int algorithm;
  Status status;
  float time;
  size_t workspaceBytes;
  int determinism;
  int mathType;
  int reserved[3];
};

struct CuDNN {
  Status (*cudnnCreate)(Handle *);
  Status (*cudnnDestroy)(Handle);
  Status (*cudnnSetStream)(Handle, Handle);
  Status (*cudnnCreateTensorDescriptor)(Handle *);
  Status (*cudnnDestroyTensorDescriptor)(Handle);
  Status (*cudnnSetTensorNdDescriptor)(Handle, int, int, const int *,
                                       const int *);
  Status (*cudnnCreateFilterDescriptor)(Handle *);
  Status (*cudnnDestroyFilterDescriptor)(Handle);
  Status (*cudnnSetFilterNdDescriptor)(Handle, int, int, int, const int *);
  Status (*cudnnCreateConvolutionDescriptor)(Handle *);
  Status (*cudnnDestroyConvolutionDescriptor)(Handle);
  Status (*cudnnSetConvolutionNdDescriptor)(Handle, int, const int *,
                                            const int *, const int *, int, int);
  Status (*cudnnSetConvolutionGroupCount)(Handle, int);
  Status (*cudnnTransformTensor)(Handle, const void *, Handle, const void *,
                                 const void *, Handle, void *);
  // The three kinds, of which the first two have a tensor and a filter for
  // operands, the last two tensors.
  using GetAlgorithm = Status (*)(Handle, Handle, Handle, Handle, Handle, int,
                                  int *, AlgorithmPerformance *);
  GetAlgorithm cudnnGetConvolutionForwardAlgorithm;
  GetAlgorithm cudnnGetConvolutionBackwardDataAlgorithm;
  GetAlgorithm cudnnGetConvolutionBackwardFilterAlgorithm;
  using Convolve = Status (*)(Handle, const void *, Handle, const void *,
                              Handle, const void *, Handle, int, void *, size_t,
                              const void *, Handle, void *);
  Convolve cudnnConvolutionForward;
  Convolve cudnnConvolutionBackwardData;
  Convolve cudnnConvolutionBackwardFilter;
};

// Values of the libraries' enumerations.
constexpr int notTransposed = 0;
constexpr int transposed = 1;
constexpr int dataFloat = 0;
constexpr int layoutNCHW = 0;
constexpr int crossCorrelation = 1;
constexpr int deterministic = 1;
/// More algorithms than there are.
constexpr int maxAlgorithms = 16;
/// The least dimensions that cuDNN takes.
constexpr size_t minDimensions = 4;
constexpr float one = 1;
constexpr float zero = 0;

} // namespace

/// The functions of a library, loaded at their first use.
template <typename Functions>
static const Functions &getFunctions(Functions (*load)()) {
  // No static variable with an initialiser: an error of `load` would leave the
  // lock of that closed.
  static std::atomic<const Functions *> loaded;
  if (!loaded) {
    Functions functions = load();
    loaded = new Functions(functions);
  }
  return *loaded;
}

static const CuBLAS &getCuBLAS() {
  return getFunctions<CuBLAS>([] {
    SharedLibrary library({"libcublas.so.13", "libcublas.so.12"});
    if (!library)
      fail("products of matrices need cuBLAS: " + library.getLoadError());
    CuBLAS result;
    library.find(result.cublasCreate, "cublasCreate_v2");
    library.find(result.cublasDestroy, "cublasDestroy_v2");
    library.find(result.cublasSetStream, "cublasSetStream_v2");
    library.find(result.cublasSgemmStridedBatched,
                 "cublasSgemmStridedBatched_64");
    return result;
  });
}

static const CuDNN &getCuDNN() {
  return getFunctions<CuDNN>([] {
    SharedLibrary library({"libcudnn.so.9"});
    if (!library)
      fail("convolutions need cuDNN 9: " + library.getLoadError());
    CuDNN result;
#define FIND(NAME) library.find(result.NAME, #NAME)
#define FIND_V7(NAME) library.find(result.NAME, #NAME "_v7")
    FIND(cudnnCreate);
    FIND(cudnnDestroy);
    FIND(cudnnSetStream);
    FIND(cudnnCreateTensorDescriptor);
    FIND(cudnnDestroyTensorDescriptor);
    FIND(cudnnSetTensorNdDescriptor);
    FIND(cudnnCreateFilterDescriptor);
    FIND(cudnnDestroyFilterDescriptor);
    FIND(cudnnSetFilterNdDescriptor);
    FIND(cudnnCreateConvolutionDescriptor);
    FIND(cudnnDestroyConvolutionDescriptor);
    FIND(cudnnSetConvolutionNdDescriptor);
    FIND(cudnnSetConvolutionGroupCount);
    FIND(cudnnTransformTensor);
    FIND_V7(cudnnGetConvolutionForwardAlgorithm);
    FIND_V7(cudnnGetConvolutionBackwardDataAlgorithm);
    FIND_V7(cudnnGetConvolutionBackwardFilterAlgorithm);
    FIND(cudnnConvolutionForward);
    FIND(cudnnConvolutionBackwardData);
    FIND(cudnnConvolutionBackwardFilter);
#undef FIND
#undef FIND_V7
    return result;
  });
}

static void check(Status status, StringRef call) {
  if (status != 0)
    fail(call + " failed with status " + Twine(status));
}
#define BLAS(FUNCTION, ...) check(getCuBLAS().FUNCTION(__VA_ARGS__), #FUNCTION)
#define DNN(FUNCTION, ...) check(getCuDNN().FUNCTION(__VA_ARGS__), #FUNCTION)

/// A size as the libraries take it.
static int toInt(int64_t value) {
  if (!isInt<32>(value))
    fail("a size or stride of " + Twine(value) + " is too large for cuDNN");
  return static_cast<int>(value);
}

/// Numbers with `fill` for the dimensions that are missing.
static SmallVector<int> toInts(ArrayRef<int64_t> values, size_t minSize,
                               int fill) {
  SmallVector<int> result;
  for (int64_t value : values)
    result.push_back(toInt(value));
  result.resize(std::max(minSize, result.size()), fill);
  return result;
}

namespace {
/// The layout of a tensor.
class TensorDescriptor {
public:
  explicit TensorDescriptor(const StridedView &view) {
    DNN(cudnnCreateTensorDescriptor, &handle);
    SmallVector<int> sizes = toInts(view.sizes, minDimensions, 1);
    SmallVector<int> strides = toInts(view.strides, minDimensions, 1);
    DNN(cudnnSetTensorNdDescriptor, handle, dataFloat, sizes.size(),
        sizes.data(), strides.data());
  }
  ~TensorDescriptor() { getCuDNN().cudnnDestroyTensorDescriptor(handle); }
  TensorDescriptor(const TensorDescriptor &) = delete;
  TensorDescriptor &operator=(const TensorDescriptor &) = delete;

  Handle handle = nullptr;
};

/// A filter in row-major order.
class FilterDescriptor {
public:
  explicit FilterDescriptor(const StridedView &view) {
    DNN(cudnnCreateFilterDescriptor, &handle);
    SmallVector<int> sizes = toInts(view.sizes, minDimensions, 1);
    DNN(cudnnSetFilterNdDescriptor, handle, dataFloat, layoutNCHW, sizes.size(),
        sizes.data());
  }
  ~FilterDescriptor() { getCuDNN().cudnnDestroyFilterDescriptor(handle); }
  FilterDescriptor(const FilterDescriptor &) = delete;
  FilterDescriptor &operator=(const FilterDescriptor &) = delete;

  Handle handle = nullptr;
};

class ConvolutionDescriptor {
public:
  explicit ConvolutionDescriptor(const ApproxActConvolution &convolution) {
    DNN(cudnnCreateConvolutionDescriptor, &handle);
    constexpr size_t minSpatial = minDimensions - 2;
    auto getInts = [&](const int64_t (&values)[3], int fill) {
      return toInts(ArrayRef(values).take_front(convolution.rank), minSpatial,
                    fill);
    };
    SmallVector<int> padding = getInts(convolution.paddingLow, 0);
    SmallVector<int> strides = getInts(convolution.windowStrides, 1);
    SmallVector<int> dilations = getInts(convolution.filterDilations, 1);
    DNN(cudnnSetConvolutionNdDescriptor, handle, padding.size(), padding.data(),
        strides.data(), dilations.data(), crossCorrelation, dataFloat);
    DNN(cudnnSetConvolutionGroupCount, handle, toInt(convolution.groups));
  }
  ~ConvolutionDescriptor() {
    getCuDNN().cudnnDestroyConvolutionDescriptor(handle);
  }
  ConvolutionDescriptor(const ConvolutionDescriptor &) = delete;
  ConvolutionDescriptor &operator=(const ConvolutionDescriptor &) = delete;

  Handle handle = nullptr;
};

class CUDALibraries : public ContractionLibrary {
public:
  explicit CUDALibraries(void *stream) : ContractionLibrary(stream) {}
  ~CUDALibraries() override;

  void fillZero(float *data, int64_t elements) override {
    getDevice().fill32(data, 0, elements, stream);
  }
  void copy(const StridedView &to, const StridedView &from) override;
  void multiply(const StridedView &c, const StridedView &a,
                const StridedView &b) override;
  bool convolve(ConvolutionKind kind, const ApproxActConvolution &convolution,
                const ConvolutionOperands &operands) override;

private:
  Handle getBLAS();
  Handle getDNN();

  Handle blas = nullptr;
  Handle dnn = nullptr;
};
} // namespace

CUDALibraries::~CUDALibraries() {
  if (blas)
    getCuBLAS().cublasDestroy(blas);
  if (dnn)
    getCuDNN().cudnnDestroy(dnn);
}

Handle CUDALibraries::getBLAS() {
  if (!blas) {
    BLAS(cublasCreate, &blas);
    BLAS(cublasSetStream, blas, stream);
  }
  return blas;
}

Handle CUDALibraries::getDNN() {
  if (!dnn) {
    DNN(cudnnCreate, &dnn);
    DNN(cudnnSetStream, dnn, stream);
  }
  return dnn;
}

void CUDALibraries::copy(const StridedView &to, const StridedView &from) {
  TensorDescriptor source(from);
  TensorDescriptor target(to);
  DNN(cudnnTransformTensor, getDNN(), &one, source.handle, from.data, &zero,
      target.handle, to.data);
}

namespace {
/// A batch of matrices as BLAS sees it, column by column.
struct Matrices {
  int transposition;
  int64_t leading;
};
} // namespace

/// Whether rows or columns of the matrices are contiguous.
static std::optional<Matrices> getMatrices(const StridedView &view) {
  int64_t rows = view.sizes[1];
  int64_t columns = view.sizes[2];
  // Seen in columns, a matrix in rows is its transpose.
  if (view.strides[2] == 1 || columns == 1)
    return Matrices{notTransposed, std::max(view.strides[1], columns)};
  if (view.strides[1] == 1 || rows == 1)
    return Matrices{transposed, std::max(view.strides[2], rows)};
  return std::nullopt;
}

void CUDALibraries::multiply(const StridedView &c, const StridedView &a,
                             const StridedView &b) {
  // Transposes, since BLAS sees columns: of c = a b it is c^T = b^T a^T.
  std::optional<Matrices> cLayout = getMatrices(c);
  std::optional<Matrices> aLayout = getMatrices(a);
  std::optional<Matrices> bLayout = getMatrices(b);
  if (!cLayout || !aLayout || !bLayout)
    fail("cuBLAS multiplies matrices with contiguous rows or columns alone");
  if (cLayout->transposition == transposed) {
    // c^T is in rows.
    auto transpose = [](StridedView view) {
      std::swap(view.sizes[1], view.sizes[2]);
      std::swap(view.strides[1], view.strides[2]);
      return view;
    };
    multiply(transpose(c), transpose(b), transpose(a));
    return;
  }
  BLAS(cublasSgemmStridedBatched, getBLAS(), bLayout->transposition,
       aLayout->transposition, c.sizes[2], c.sizes[1], a.sizes[2], &one, b.data,
       bLayout->leading, b.strides[0], a.data, aLayout->leading, a.strides[0],
       &zero, c.data, cLayout->leading, c.strides[0], c.sizes[0]);
}

bool CUDALibraries::convolve(ConvolutionKind kind,
                             const ApproxActConvolution &convolution,
                             const ConvolutionOperands &operands) {
  // It pads both sides alike.
  for (int i = 0; i < convolution.rank; ++i)
    if (convolution.paddingLow[i] != convolution.paddingHigh[i])
      return false;
  // Filters have no strides.
  StridedView filter = StridedView::getDense(operands.filter.sizes);
  bool isCopied = filter.strides != operands.filter.strides;
  filter.data =
      isCopied ? allocateFloats(filter.getNumElements()) : operands.filter.data;
  bool isFilterGradient = kind == ConvolutionKind::FilterGradient;
  if (isCopied && !isFilterGradient)
    copy(filter, operands.filter);

  TensorDescriptor input(operands.input);
  TensorDescriptor output(operands.output);
  FilterDescriptor filterDescriptor(filter);
  ConvolutionDescriptor descriptor(convolution);
  // In the order of the library's arguments: two operands, then the result.
  const CuDNN &library = getCuDNN();
  struct Call {
    CuDNN::GetAlgorithm getAlgorithm;
    CuDNN::Convolve convolve;
    Handle descriptors[3];
    float *data[3];
  };
  Call call;
  switch (kind) {
  case ConvolutionKind::Forward:
    call = {library.cudnnGetConvolutionForwardAlgorithm,
            library.cudnnConvolutionForward,
            {input.handle, filterDescriptor.handle, output.handle},
            {operands.input.data, filter.data, operands.output.data}};
    break;
  case ConvolutionKind::InputGradient:
    call = {library.cudnnGetConvolutionBackwardDataAlgorithm,
            library.cudnnConvolutionBackwardData,
            {filterDescriptor.handle, output.handle, input.handle},
            {filter.data, operands.output.data, operands.input.data}};
    break;
  case ConvolutionKind::FilterGradient:
    call = {library.cudnnGetConvolutionBackwardFilterAlgorithm,
            library.cudnnConvolutionBackwardFilter,
            {input.handle, output.handle, filterDescriptor.handle},
            {operands.input.data, operands.output.data, filter.data}};
    break;
  }
  AlgorithmPerformance algorithms[maxAlgorithms];
  int count = 0;
  check(call.getAlgorithm(getDNN(), call.descriptors[0], call.descriptors[1],
                          descriptor.handle, call.descriptors[2], maxAlgorithms,
                          &count, algorithms),
        "cudnnGetConvolutionAlgorithm");
  // Runs are repeatable.
  const auto *best = find_if(ArrayRef(algorithms).take_front(count),
                             [](const AlgorithmPerformance &algorithm) {
                               return algorithm.status == 0 &&
                                      algorithm.determinism == deterministic;
                             });
  if (best == algorithms + count)
    fail("cuDNN has no deterministic algorithm for a convolution");
  size_t workspaceBytes = best->workspaceBytes;
  void *workspace = workspaceBytes ? allocate(workspaceBytes) : nullptr;
  check(call.convolve(getDNN(), &one, call.descriptors[0], call.data[0],
                      call.descriptors[1], call.data[1], descriptor.handle,
                      best->algorithm, workspace, workspaceBytes, &zero,
                      call.descriptors[2], call.data[2]),
        "cudnnConvolution");
  if (workspace)
    release(workspace);
  if (isCopied) {
    if (isFilterGradient)
      copy(operands.filter, filter);
    release(filter.data);
  }
  return true;
}

std::unique_ptr<ContractionLibrary> runtime::createCUDALibraries(void *stream) {
  return std::make_unique<CUDALibraries>(stream);
}
