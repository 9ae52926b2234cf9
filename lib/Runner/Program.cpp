//===- Program.cpp - A lowered module, ready to run -----------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "approx-act/Runner/Program.h"
#include "approx-act/Runtime/Mgpu.h"
#include "mlir/ExecutionEngine/OptUtils.h"
#include "llvm/Support/TargetSelect.h"
#include <cstring>

using namespace mlir;
using namespace mlir::approx_act;

static llvm::Error makeError(const Twine &message) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), message);
}

Program::Program(Signature signature, std::string function)
    : signature(std::move(signature)), function(std::move(function)) {}

llvm::Expected<std::unique_ptr<Program>> Program::create(ModuleOp module,
                                                         StringRef name) {
  auto function = module.lookupSymbol<LLVM::LLVMFuncOp>(name);
  if (!function || function.isExternal())
    return makeError("the module defines no llvm.func '" + name + "'");
  FailureOr<Signature> signature = Signature::get(function);
  if (failed(signature))
    return makeError("function '" + name + "' cannot be run");
  std::string interfaceName = ("_mlir_ciface_" + name).str();
  if (!module.lookupSymbol(interfaceName))
    return makeError("function '" + name +
                     "' has no C interface; lower it with the attribute "
                     "llvm.emit_c_interface");

  llvm::InitializeNativeTarget();
  llvm::InitializeNativeTargetAsmPrinter();
  // The host's part only launches: it need not be fast, and can be long.
  ExecutionEngineOptions options;
  options.jitCodeGenOptLevel = llvm::CodeGenOptLevel::None;
  options.enableGDBNotificationListener = false;
  options.enablePerfNotificationListener = false;
  llvm::Expected<std::unique_ptr<ExecutionEngine>> engine =
      ExecutionEngine::create(module, options);
  if (!engine)
    return engine.takeError();
  std::unique_ptr<Program> program(
      new Program(std::move(*signature), interfaceName));
  program->engine = std::move(*engine);
  // Loads the modules of kernels, and with them the device.
  program->engine->initialize();
  program->allocate();
  return program;
}

void Program::allocate() {
  for (ArrayRef<Parameter> parameters :
       {ArrayRef(signature.arguments), ArrayRef(signature.results)})
    for (const Parameter &parameter : parameters) {
      void *buffer = mgpuMemAlloc(parameter.getBytes(), /*stream=*/nullptr,
                                  /*isHostShared=*/false);
      buffers.push_back(buffer);
      SmallVector<int64_t> descriptor;
      auto word = static_cast<int64_t>(reinterpret_cast<intptr_t>(buffer));
      descriptor.append({word, word, 0});
      llvm::append_range(descriptor, parameter.type.getShape());
      llvm::append_range(descriptor,
                         parameter.type.getStridesAndOffset().first);
      descriptors.push_back(std::move(descriptor));
    }
}

Program::~Program() {
  for (void *buffer : buffers)
    mgpuMemFree(buffer, /*stream=*/nullptr);
}

/// Whether elements of type `found` can be those of `parameter`.
static bool isElementType(const Parameter &parameter, StringRef found) {
  StringRef expected = parameter.elementType;
  if (found == expected)
    return true;
  if (found.size() != expected.size() ||
      found.drop_front(2) != expected.drop_front(2))
    return false;
  Type type = parameter.type.getElementType();
  if (type.isSignlessInteger() && !type.isInteger(1))
    return found[1] == 'i' || found[1] == 'u';
  // NumPy writes bytes in either order.
  return expected[1] == 'V' && found[1] == 'V';
}

llvm::Error Program::setArgument(unsigned index, const Array &array) {
  const Parameter &parameter = signature.arguments[index];
  ArrayRef<int64_t> shape = parameter.type.getShape();
  if (!isElementType(parameter, array.elementType) ||
      shape != ArrayRef(array.shape))
    return makeError("argument " + Twine(index) + " is an array " +
                     describeArray(parameter.elementType, shape) + ", found " +
                     describeArray(array.elementType, array.shape));
  mgpuMemcpy(buffers[index], const_cast<char *>(array.data.data()),
             array.data.size(), /*stream=*/nullptr);
  mgpuStreamSynchronize(/*stream=*/nullptr);
  return llvm::Error::success();
}

Array Program::getResult(unsigned index) const {
  const Parameter &parameter = signature.results[index];
  Array array;
  array.elementType = parameter.elementType;
  array.shape.assign(parameter.type.getShape().begin(),
                     parameter.type.getShape().end());
  array.data.resize(parameter.getBytes());
  mgpuMemcpy(array.data.data(), buffers[signature.arguments.size() + index],
             array.data.size(), /*stream=*/nullptr);
  mgpuStreamSynchronize(/*stream=*/nullptr);
  return array;
}

llvm::Error Program::checkFeed(const Feed &feed) const {
  if (feed.result >= signature.results.size())
    return makeError("there is no result " + Twine(feed.result) +
                     " to feed back");
  if (feed.argument >= signature.arguments.size())
    return makeError("there is no argument " + Twine(feed.argument) +
                     " to feed");
  const Parameter &result = signature.results[feed.result];
  const Parameter &argument = signature.arguments[feed.argument];
  if (result.elementType != argument.elementType ||
      result.type.getShape() != argument.type.getShape())
    return makeError(
        "result " + Twine(feed.result) + " is an array " +
        describeArray(result.elementType, result.type.getShape()) +
        ", argument " + Twine(feed.argument) + " is an array " +
        describeArray(argument.elementType, argument.type.getShape()));
  return llvm::Error::success();
}

void Program::feed(const Feed &feed) {
  mgpuMemcpy(buffers[feed.argument],
             buffers[signature.arguments.size() + feed.result],
             signature.results[feed.result].getBytes(), /*stream=*/nullptr);
}

llvm::Error Program::run() {
  // The packed function takes a pointer to each argument, and each argument is
  // a pointer to a descriptor.
  SmallVector<void *> pointers;
  for (SmallVector<int64_t> &descriptor : descriptors)
    pointers.push_back(descriptor.data());
  SmallVector<void *> arguments;
  for (void *&pointer : pointers)
    arguments.push_back(static_cast<void *>(&pointer));
  if (llvm::Error error = engine->invokePacked(function, arguments))
    return error;
  mgpuStreamSynchronize(/*stream=*/nullptr);
  return llvm::Error::success();
}
