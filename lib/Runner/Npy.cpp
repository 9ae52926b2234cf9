//===- Npy.cpp - Files of one array ---------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "approx-act/Runner/Array.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::approx_act;

static constexpr llvm::StringLiteral magic("\x93NUMPY");
/// The header ends at a multiple of this.
static constexpr size_t headerAlignment = 64;

std::string approx_act::describeArray(StringRef elementType,
                                      ArrayRef<int64_t> shape) {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << elementType << "[";
  llvm::interleaveComma(shape, os);
  os << "]";
  return text;
}

/// Gives what follows `'key':` in the header, a dictionary in Python's syntax.
static llvm::Expected<StringRef> getEntry(StringRef header, StringRef key) {
  std::string quoted = ("'" + key + "'").str();
  size_t position = header.find(quoted);
  if (position == StringRef::npos)
    return llvm::createStringError("the header has no entry %s",
                                   quoted.c_str());
  StringRef rest = header.drop_front(position + quoted.size()).ltrim();
  if (!rest.consume_front(":"))
    return llvm::createStringError("the header has no value for %s",
                                   quoted.c_str());
  return rest.ltrim();
}

/// The element type, whose last digits are its bytes.
static llvm::Error readElementType(StringRef header, Array &array,
                                   uint64_t &elementBytes) {
  llvm::Expected<StringRef> entry = getEntry(header, "descr");
  if (!entry)
    return entry.takeError();
  StringRef rest = *entry;
  if (!rest.consume_front("'"))
    return llvm::createStringError(
        "elements are structures, which are not supported");
  array.elementType = rest.take_until([](char c) { return c == '\''; }).str();
  StringRef type = array.elementType;
  if (type.starts_with(">"))
    return llvm::createStringError(
        "elements of type '%s' are big-endian; save the array "
        "in little-endian order",
        array.elementType.c_str());
  StringRef digits = type.drop_front(std::min<size_t>(2, type.size()));
  if (type.size() < 3 || !StringRef("biufcV").contains(type[1]) ||
      digits.getAsInteger(10, elementBytes) || elementBytes == 0)
    return llvm::createStringError("elements of type '%s' are not supported",
                                   array.elementType.c_str());
  return llvm::Error::success();
}

static llvm::Error readShape(StringRef header, Array &array) {
  llvm::Expected<StringRef> entry = getEntry(header, "shape");
  if (!entry)
    return entry.takeError();
  StringRef rest = *entry;
  if (!rest.consume_front("("))
    return llvm::createStringError("the shape is not a tuple");
  size_t end = rest.find(')');
  if (end == StringRef::npos)
    return llvm::createStringError("the header ends within the shape");
  SmallVector<StringRef> sizes;
  rest.take_front(end).split(sizes, ',', /*MaxSplit=*/-1, /*KeepEmpty=*/false);
  for (StringRef text : sizes) {
    int64_t size;
    if (text.trim().empty())
      continue;
    if (text.trim().getAsInteger(10, size) || size < 0)
      return llvm::createStringError("the shape has a size '%s'",
                                     text.trim().str().c_str());
    array.shape.push_back(size);
  }
  return llvm::Error::success();
}

static llvm::Error checkOrder(StringRef header, const Array &array) {
  llvm::Expected<StringRef> entry = getEntry(header, "fortran_order");
  if (!entry)
    return entry.takeError();
  bool isFortran = entry->starts_with("True");
  if (!isFortran && !entry->starts_with("False"))
    return llvm::createStringError("'fortran_order' is neither True nor False");
  if (isFortran && array.shape.size() > 1)
    return llvm::createStringError(
        "the array %s is in Fortran's order; save it in C order "
        "(numpy.ascontiguousarray)",
        describeArray(array.elementType, array.shape).c_str());
  return llvm::Error::success();
}

llvm::Expected<Array> approx_act::readNpy(StringRef text) {
  if (!text.consume_front(magic))
    return llvm::createStringError(
        "not a .npy file: it does not start with \\x93NUMPY");
  if (text.size() < 4)
    return llvm::createStringError("the file ends within its header");
  unsigned version = static_cast<unsigned char>(text[0]);
  text = text.drop_front(2);
  size_t headerSize = llvm::support::endian::read16le(text.data());
  size_t sizeBytes = 2;
  if (version >= 2 && text.size() >= 4) {
    headerSize = llvm::support::endian::read32le(text.data());
    sizeBytes = 4;
  }
  text = text.drop_front(sizeBytes);
  if (text.size() < headerSize)
    return llvm::createStringError("the file ends within its header");
  StringRef header = text.take_front(headerSize);
  StringRef data = text.drop_front(headerSize);

  Array array;
  uint64_t bytes = 0;
  if (llvm::Error error = readElementType(header, array, bytes))
    return std::move(error);
  if (llvm::Error error = readShape(header, array))
    return std::move(error);
  if (llvm::Error error = checkOrder(header, array))
    return std::move(error);
  bool hasOverflowed = false;
  for (int64_t size : array.shape)
    bytes = llvm::SaturatingMultiply<uint64_t>(bytes, size, &hasOverflowed);
  if (data.size() != bytes)
    return llvm::createStringError(
        "an array %s has %zu bytes, the file has %zu of them",
        describeArray(array.elementType, array.shape).c_str(),
        static_cast<size_t>(bytes), data.size());
  array.data.assign(data.begin(), data.end());
  return array;
}

void approx_act::writeNpy(raw_ostream &os, const Array &array) {
  std::string header;
  llvm::raw_string_ostream headerStream(header);
  headerStream << "{'descr': '" << array.elementType
               << "', 'fortran_order': False, 'shape': (";
  for (int64_t size : array.shape)
    headerStream << size << ",";
  headerStream << "), }";
  // Version 1: a size of two bytes; the header ends with a new line.
  constexpr size_t prefixBytes = magic.size() + 4;
  size_t total =
      llvm::alignTo(prefixBytes + header.size() + 1, headerAlignment);
  header.resize(total - prefixBytes - 1, ' ');
  header += '\n';
  char size[2];
  llvm::support::endian::write16le(size, header.size());
  os << magic << '\x01' << '\0' << StringRef(size, 2) << header;
  os.write(array.data.data(), array.data.size());
}
