//===- Buffers.cpp - Arguments and results of a program -------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "approx-act/Runner/Buffers.h"

using namespace mlir;
using namespace mlir::approx_act;

llvm::Error Buffers::allocate() {
  const Signature &signature = program.getSignature();
  for (ArrayRef<Parameter> parameters :
       {ArrayRef(signature.arguments), ArrayRef(signature.results)})
    for (const Parameter &parameter : parameters) {
      llvm::Expected<void *> buffer = program.allocate(parameter.getBytes());
      if (!buffer)
        return buffer.takeError();
      buffers.push_back(*buffer);
    }
  return llvm::Error::success();
}

llvm::Error Buffers::release() {
  llvm::Error result = llvm::Error::success();
  while (!buffers.empty())
    result = llvm::joinErrors(std::move(result),
                              program.free(buffers.pop_back_val()));
  return result;
}

Buffers::~Buffers() { llvm::consumeError(release()); }

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

llvm::Error Buffers::setArgument(unsigned index, const Array &array) {
  const Parameter &parameter = program.getSignature().arguments[index];
  ArrayRef<int64_t> shape = parameter.type.getShape();
  if (!isElementType(parameter, array.elementType) ||
      shape != ArrayRef(array.shape))
    return llvm::createStringError(
        "argument " + Twine(index) + " is an array " +
        describeArray(parameter.elementType, shape) + ", found " +
        describeArray(array.elementType, array.shape));
  return program.copy(buffers[index], array.data.data(), array.data.size());
}

llvm::Expected<Array> Buffers::getResult(unsigned index) const {
  const Signature &signature = program.getSignature();
  const Parameter &parameter = signature.results[index];
  Array array;
  array.elementType = parameter.elementType;
  array.shape.assign(parameter.type.getShape().begin(),
                     parameter.type.getShape().end());
  array.data.resize(parameter.getBytes());
  if (llvm::Error error = program.copy(
          array.data.data(), buffers[signature.arguments.size() + index],
          array.data.size()))
    return std::move(error);
  return array;
}

llvm::Error Buffers::checkFeed(const Feed &feed) const {
  const Signature &signature = program.getSignature();
  if (feed.result >= signature.results.size())
    return llvm::createStringError("there is no result " + Twine(feed.result) +
                                   " to feed back");
  if (feed.argument >= signature.arguments.size())
    return llvm::createStringError("there is no argument " +
                                   Twine(feed.argument) + " to feed");
  const Parameter &result = signature.results[feed.result];
  const Parameter &argument = signature.arguments[feed.argument];
  if (result.elementType != argument.elementType ||
      result.type.getShape() != argument.type.getShape())
    return llvm::createStringError(
        "result " + Twine(feed.result) + " is an array " +
        describeArray(result.elementType, result.type.getShape()) +
        ", argument " + Twine(feed.argument) + " is an array " +
        describeArray(argument.elementType, argument.type.getShape()));
  return llvm::Error::success();
}

llvm::Error Buffers::feed(const Feed &feed) {
  const Signature &signature = program.getSignature();
  return program.copy(buffers[feed.argument],
                      buffers[signature.arguments.size() + feed.result],
                      signature.results[feed.result].getBytes());
}
