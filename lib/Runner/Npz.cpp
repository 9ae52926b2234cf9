//===- Npz.cpp - Archives of arrays ---------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
///
/// \file
/// As much of the zip format as `numpy.savez` uses: entries without
/// compression, listed in a directory at the end.
///
//===----------------------------------------------------------------------===//

#include "approx-act/Runner/Array.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/CRC.h"
#include "llvm/Support/Endian.h"

using namespace mlir;
using namespace mlir::approx_act;
using namespace llvm::support;

static constexpr uint32_t localMagic = 0x04034B50;
static constexpr uint32_t directoryMagic = 0x02014B50;
static constexpr uint32_t endMagic = 0x06054B50;
static constexpr size_t localBytes = 30;
static constexpr size_t directoryBytes = 46;
static constexpr size_t endBytes = 22;
/// The extra field with sizes of 64 bits, and the size that refers to it.
static constexpr uint16_t zip64Field = 1;
static constexpr uint32_t inZip64 = UINT32_MAX;
static constexpr llvm::StringLiteral npySuffix(".npy");

static llvm::Error makeTruncatedError() {
  return llvm::createStringError("the archive is damaged");
}

namespace {
/// An entry of the directory.
struct Entry {
  StringRef name;
  uint16_t method;
  uint32_t crc;
  uint64_t storedBytes;
  uint64_t bytes;
  uint64_t offset;
};
} // namespace

/// Takes sizes that do not fit from the extra field.
static void readZip64(StringRef extra, Entry &entry) {
  while (extra.size() >= 4) {
    uint16_t field = endian::read16le(extra.data());
    uint16_t size = endian::read16le(extra.data() + 2);
    StringRef content = extra.drop_front(4).take_front(size);
    extra = extra.drop_front(std::min<size_t>(extra.size(), 4U + size));
    if (field != zip64Field)
      continue;
    for (uint64_t *value : {&entry.bytes, &entry.storedBytes, &entry.offset})
      if (*value == inZip64 && content.size() >= 8) {
        *value = endian::read64le(content.data());
        content = content.drop_front(8);
      }
  }
}

/// Takes one entry off the front of the directory.
static llvm::Expected<Entry> readEntry(StringRef &directory) {
  if (directory.size() < directoryBytes ||
      endian::read32le(directory.data()) != directoryMagic)
    return makeTruncatedError();
  const char *fields = directory.data();
  Entry entry;
  entry.method = endian::read16le(fields + 10);
  entry.crc = endian::read32le(fields + 16);
  entry.storedBytes = endian::read32le(fields + 20);
  entry.bytes = endian::read32le(fields + 24);
  entry.offset = endian::read32le(fields + 42);
  size_t nameBytes = endian::read16le(fields + 28);
  size_t extraBytes = endian::read16le(fields + 30);
  size_t commentBytes = endian::read16le(fields + 32);
  directory = directory.drop_front(directoryBytes);
  if (directory.size() < nameBytes + extraBytes + commentBytes)
    return makeTruncatedError();
  entry.name = directory.take_front(nameBytes);
  readZip64(directory.substr(nameBytes, extraBytes), entry);
  directory = directory.drop_front(nameBytes + extraBytes + commentBytes);
  return entry;
}

/// The bytes of an entry.
static llvm::Expected<StringRef> getContent(StringRef text,
                                            const Entry &entry) {
  if (entry.method != 0)
    return llvm::createStringError(
        "'%s' is compressed; write the archive with numpy.savez",
        entry.name.str().c_str());
  if (entry.offset > text.size() || text.size() - entry.offset < localBytes)
    return makeTruncatedError();
  StringRef local = text.drop_front(entry.offset);
  if (endian::read32le(local.data()) != localMagic)
    return makeTruncatedError();
  size_t skipped = localBytes + endian::read16le(local.data() + 26) +
                   endian::read16le(local.data() + 28);
  if (local.size() < skipped || local.size() - skipped < entry.bytes)
    return makeTruncatedError();
  StringRef content = local.substr(skipped, entry.bytes);
  if (llvm::crc32(llvm::arrayRefFromStringRef(content)) != entry.crc)
    return llvm::createStringError("'%s' is damaged: its checksum is wrong",
                                   entry.name.str().c_str());
  return content;
}

llvm::Expected<std::vector<NamedArray>> approx_act::readNpz(StringRef text) {
  // A comment may follow the last record; NumPy writes none.
  char magic[4];
  endian::write32le(magic, endMagic);
  size_t position = text.rfind(StringRef(magic, sizeof(magic)));
  if (position == StringRef::npos || text.size() - position < endBytes)
    return llvm::createStringError("not a .npz file: it is not a zip archive");
  const char *end = text.data() + position;
  uint16_t count = endian::read16le(end + 10);
  uint32_t offset = endian::read32le(end + 16);
  if (offset == inZip64)
    return llvm::createStringError(
        "archives of more than 4 GB are not supported");
  if (offset > text.size())
    return makeTruncatedError();

  std::vector<NamedArray> arrays;
  StringRef directory = text.drop_front(offset);
  for (unsigned i = 0; i < count; ++i) {
    llvm::Expected<Entry> entry = readEntry(directory);
    if (!entry)
      return entry.takeError();
    // A folder.
    if (entry->name.ends_with("/"))
      continue;
    llvm::Expected<StringRef> content = getContent(text, *entry);
    if (!content)
      return content.takeError();
    StringRef name = entry->name;
    name.consume_back(npySuffix);
    llvm::Expected<Array> array = readNpy(*content);
    if (!array)
      return llvm::createStringError("'%s': %s", name.str().c_str(),
                                     llvm::toString(array.takeError()).c_str());
    arrays.emplace_back(name.str(), std::move(*array));
  }
  return arrays;
}

namespace {
/// Appends little-endian numbers.
struct Fields {
  std::string text;

  Fields &add16(uint16_t value) { return add<uint16_t>(value); }
  Fields &add32(uint32_t value) { return add<uint32_t>(value); }

private:
  template <typename T>
  Fields &add(T value) {
    char bytes[sizeof(T)];
    endian::write<T, llvm::endianness::little>(bytes, value);
    text.append(bytes, sizeof(T));
    return *this;
  }
};
} // namespace

llvm::Error approx_act::writeNpz(raw_ostream &os, ArrayRef<NamedArray> arrays) {
  if (arrays.size() > UINT16_MAX)
    return llvm::createStringError(
        "archives of more than 65535 arrays are not supported; write one .npy "
        "file for each result");
  std::string directory;
  uint64_t offset = 0;
  for (const auto &[name, array] : arrays) {
    std::string content;
    llvm::raw_string_ostream contentStream(content);
    writeNpy(contentStream, array);
    std::string fileName = name + npySuffix.str();
    uint64_t next = offset + localBytes + fileName.size() + content.size();
    if (next >= inZip64)
      return llvm::createStringError(
          "archives of more than 4 GB are not supported; write "
          "one .npy file for each result");
    uint32_t crc = llvm::crc32(llvm::arrayRefFromStringRef(content));
    // From the version to the extra field's size: alike in both places.
    Fields common;
    constexpr uint16_t version = 20;
    constexpr uint16_t firstOfJanuary1980 = 0x21;
    common.add16(version).add16(0).add16(0).add16(0).add16(firstOfJanuary1980);
    common.add32(crc).add32(content.size()).add32(content.size());
    common.add16(fileName.size()).add16(0);
    os << Fields().add32(localMagic).text << common.text << fileName << content;

    Fields entry;
    entry.add32(directoryMagic).add16(version);
    entry.text += common.text;
    // No comment, on disk 0, with no attributes.
    entry.add16(0).add16(0).add16(0).add32(0).add32(offset);
    directory += entry.text + fileName;
    offset = next;
  }
  Fields end;
  end.add32(endMagic).add16(0).add16(0);
  end.add16(arrays.size()).add16(arrays.size());
  end.add32(directory.size()).add32(offset).add16(0);
  os << directory << end.text;
  return llvm::Error::success();
}
