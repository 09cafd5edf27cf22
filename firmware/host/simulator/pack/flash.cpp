#include "simulator/pack/flash.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <system_error>

namespace alfaspark::sim {
namespace {

namespace fs = std::filesystem;

constexpr int kKeys = 256;

std::vector<std::uint8_t> load(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::vector<std::uint8_t> record{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  if (in.bad() || record.size() > Flash::kLongestRecord) {
    throw std::runtime_error("--storage: " + file.string() + " is not a record of a pack's flash");
  }
  return record;
}

}  // namespace

Flash::Flash(std::optional<fs::path> directory) : directory_(std::move(directory)) {
  if (!directory_) return;
  std::error_code error;
  fs::create_directories(*directory_, error);
  if (error) throw std::runtime_error("--storage: " + directory_->string() + ": " + error.message());
  for (int key = 0; key < kKeys; ++key) {
    const auto file = file_of(static_cast<std::uint8_t>(key));
    if (fs::exists(file)) records_[static_cast<std::uint8_t>(key)] = load(file);
  }
}

fs::path Flash::file_of(std::uint8_t key) const { return *directory_ / ("record-" + std::to_string(key)); }

std::size_t Flash::read(std::uint8_t key, std::span<std::uint8_t> record) {
  const auto found = records_.find(key);
  if (found == records_.end() || found->second.size() > record.size()) return 0;
  std::copy(found->second.begin(), found->second.end(), record.begin());
  return found->second.size();
}

bool Flash::write(std::uint8_t key, std::span<const std::uint8_t> record) {
  if (record.size() > kLongestRecord) return false;
  Record copy(record.begin(), record.end());
  if (!save(key, copy)) return false;
  records_[key] = std::move(copy);
  ++writes_;
  return true;
}

/// By a new file that takes the old one's name: a simulator that is killed leaves one or the other.
bool Flash::save(std::uint8_t key, const Record& record) const {
  if (!directory_) return true;
  const fs::path file = file_of(key);
  const fs::path fresh = fs::path(file).concat(".new");
  {
    std::ofstream out(fresh, std::ios::binary | std::ios::trunc);
    out.write(reinterpret_cast<const char*>(record.data()), static_cast<std::streamsize>(record.size()));
    if (!out.flush()) return false;
  }
  std::error_code error;
  fs::rename(fresh, file, error);
  return !error;
}

void Flash::erase() {
  if (directory_) {
    std::error_code ignored;
    for (const auto& [key, record] : records_) fs::remove(file_of(key), ignored);
  }
  records_.clear();
}

void Flash::corrupt() {
  for (auto& [key, record] : records_) {
    if (record.empty()) continue;
    record[record.size() / 2] ^= 0x10U;
    static_cast<void>(save(key, record));
  }
}

}  // namespace alfaspark::sim
