// Whatever a BMS answers, under every profile.
#include "alfaspark/generated/bms_profiles.hpp"
#include "alfaspark/sensing/bms_poller.hpp"
#include "fuzzed_pack.hpp"
#include "input.hpp"

using alfaspark::kMillisecond;
using alfaspark::Micros;
using alfaspark::Parameter;
using alfaspark::fuzz::Input;
using alfaspark::fuzz::require;

namespace {

/// An answer with a right CRC to what was asked last, so that its content is looked at.
class AskingLine final : public alfaspark::SerialPort {
 public:
  void set_baud_rate(std::uint32_t) override {}
  bool write(std::span<const std::uint8_t> bytes) override {
    asked = {bytes.begin(), bytes.end()};
    return true;
  }
  [[nodiscard]] std::vector<std::uint8_t> answer(Input& input) const {
    if (asked.size() < 8) return {};
    const bool is_bits = asked[1] <= 2;
    const unsigned count = static_cast<unsigned>(asked[4] << 8U | asked[5]);
    const unsigned length = is_bits ? (count + 7) / 8 : 2 * count;
    std::vector<std::uint8_t> bytes{asked[0], asked[1], static_cast<std::uint8_t>(length)};
    for (const auto byte : input.bytes(length)) bytes.push_back(byte);
    bytes.resize(3 + length);
    const auto crc = alfaspark::modbus_crc(bytes);
    bytes.push_back(static_cast<std::uint8_t>(crc & 0xFFU));
    bytes.push_back(static_cast<std::uint8_t>(crc >> 8U));
    return bytes;
  }

  std::vector<std::uint8_t> asked;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  alfaspark::Parameters parameters;
  static_cast<void>(parameters.set(Parameter::kBmsProfile, input.byte() % alfaspark::kBmsProfiles.size()));
  AskingLine line;
  alfaspark::BmsPoller poller(line, parameters);
  Micros now = 0;
  poller.start(now);
  for (int events = 0; !input.is_empty() && events < 500; ++events) {
    const auto what = input.byte();
    if (what % 4U == 0) {
      const auto answer = line.answer(input);
      poller.on_bytes(now, answer);
    } else if (what % 4U == 1) {
      poller.on_bytes(now, input.bytes(what >> 2U));
    }
    for (unsigned ticks = (what >> 4U) + 1; ticks > 0; --ticks) poller.tick(now += 5 * kMillisecond);
    if (const auto& measured = poller.measurement()) {
      require(!measured->voltage_v || (*measured->voltage_v >= 30.0F && *measured->voltage_v <= 70.0F));
      require(!measured->current_a || (*measured->current_a >= -500.0F && *measured->current_a <= 500.0F));
    }
  }
  return 0;
}
