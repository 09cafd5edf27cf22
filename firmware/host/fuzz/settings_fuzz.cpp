// Whatever lies on flash at the start: the pack comes up, and its relays are closed unless a valid record says
// otherwise.
#include "alfaspark/generated/parameters.hpp"
#include "alfaspark/settings/settings.hpp"
#include "fuzzed_pack.hpp"
#include "input.hpp"

using alfaspark::kSecond;
using alfaspark::fuzz::FuzzedPack;
using alfaspark::fuzz::Input;
using alfaspark::fuzz::require;

namespace {

/// A record of random bytes; often with a CRC that is right, so that its content is looked at.
void put_record(alfaspark::control_test::Flash& flash, Input& input) {
  const auto key = static_cast<std::uint8_t>(input.byte() % 104U);
  const auto shape = input.byte();
  const auto bytes = input.bytes(shape % 16U);
  std::vector<std::uint8_t> record(bytes.begin(), bytes.end());
  if ((shape & 0x80U) != 0) {
    auto crc = alfaspark::record_crc(key, record);
    for (int i = 0; i < 4; ++i, crc >>= 8U) record.push_back(static_cast<std::uint8_t>(crc & 0xFFU));
  }
  flash.records[key] = record;
}

void check_settings(alfaspark::control_test::Flash& flash, const FuzzedPack& fuzzed) {
  alfaspark::Parameters parameters;
  alfaspark::ModeSettings modes;
  alfaspark::Settings settings(flash, parameters, modes);
  settings.load();
  for (std::size_t i = 0; i < alfaspark::kParameters.size(); ++i) {
    const auto value = parameters.get(static_cast<alfaspark::Parameter>(i));
    require(value >= alfaspark::kParameters[i].minimum && value <= alfaspark::kParameters[i].maximum);
  }
  for (const auto& order : alfaspark::kParameterOrders) {
    require(parameters.get(order.lower) + order.by <= parameters.get(order.upper));
  }
  const auto held = settings.held();
  if (held.manual || held.positions) return;
  for (const bool is_closed : fuzzed.relays.positions) require(is_closed);
}

/// Whatever lies there, what the pack makes of it can be told and goes on: without pulses there is a loss at last.
void check_grid_losses(const FuzzedPack& fuzzed) {
  const auto& losses = fuzzed.pack.grid_losses();
  require(losses.size() >= 1 && losses.size() <= alfaspark::GridLossLog::kLosses);
  for (std::size_t i = 0; i < losses.size(); ++i) {
    const auto loss = losses.at(i);
    require(loss.going_on == (i + 1 == losses.size()));
    require(!loss.going_on || !loss.duration_s);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  alfaspark::control_test::Flash flash;
  for (int records = 0; !input.is_empty() && records < 80; ++records) put_record(flash, input);
  FuzzedPack fuzzed(flash);
  fuzzed.pack.start(0);
  auto at_start = flash;
  check_settings(at_start, fuzzed);
  fuzzed.run(kSecond);
  require(fuzzed.pack.node() <= 126);
  fuzzed.run(kSecond);
  check_grid_losses(fuzzed);
  return 0;
}
