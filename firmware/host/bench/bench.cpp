// What the core costs and how well it measures. scripts/bench counts the instructions of its parts with valgrind.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "alfaspark/pack.hpp"
#include "alfaspark/sensing/current_meter.hpp"
#include "control/fake_board.hpp"
#include "fuzz/fuzzed_pack.hpp"
#include "sensing/waveform.hpp"
#include "usual_rms.hpp"

namespace alfaspark::bench {
namespace {

using sensing_test::Waveform;

constexpr double kRateHz = 8000.0;
constexpr std::size_t kBlock = 40;  // of 5 ms

class Blocks {
 public:
  Blocks(Waveform wave, double frequency_hz, double rate_hz)
      : wave_(std::move(wave)), cycles_per_sample_(frequency_hz / rate_hz) {
    block.sample_rate_hz = static_cast<float>(rate_hz);
  }
  void next() {
    for (std::size_t i = 0; i < kBlock; ++i) counts_[i] = wave_.sample(cycles_ += cycles_per_sample_);
    for (auto& channel : block.channels) channel = counts_;
  }
  SampleBlock block;

 private:
  Waveform wave_;
  double cycles_per_sample_;
  double cycles_ = 0.0;
  std::array<std::uint16_t, kBlock> counts_{};
};

Waveform loud_sine() {
  Waveform wave(sensing_test::sine(), 30.0, 0.3);
  wave.fill(0.5);
  return wave;
}

void run_blocks(long count) {
  control_test::Flash flash;
  fuzz::FuzzedPack pack(flash);
  pack.pack.start(0);
  Blocks blocks(loud_sine(), 50.0, kRateHz);
  blocks.next();
  for (long i = 0; i < count; ++i) pack.pack.on_samples(pack.now += 5 * kMillisecond, blocks.block);
}

void run_ticks(long count) {
  control_test::Flash flash;
  fuzz::FuzzedPack pack(flash);
  pack.pack.start(0);
  pack.run(2 * kSecond);
  for (long i = 0; i < count; ++i) pack.run(5 * kMillisecond);
}

void run_frames(long count) {
  control_test::Flash flash;
  fuzz::FuzzedPack pack(flash);
  pack.pack.start(0);
  pack.run(2 * kSecond);
  for (std::uint8_t node = 1; node <= 120; ++node) {
    const frames::Claim claim{
        .serial_high = 1, .node = node, .device_type = frames::DeviceType::kEnergyPack, .held = true};
    pack.pack.on_can_frame(pack.now,
                           {.id = frames::kClaimId | node, .extended = true, .length = 8, .data = claim.encode()});
  }
  const frames::Power power{.grid_w = 500.0F, .home_w = 900.0F, .solar_w = 400.0F, .battery_w = 0.0F};
  const auto payload = power.encode();
  for (long i = 0; i < count; ++i) {
    const auto node = static_cast<std::uint32_t>(1 + i % 120);
    pack.pack.on_can_frame(pack.now, {.id = static_cast<std::uint32_t>(frames::Power::kFunction) + node,
                                      .extended = false,
                                      .length = 8,
                                      .data = payload});
  }
}

void run_usual(long count) {
  UsualRms usual;
  Blocks blocks(loud_sine(), 50.0, kRateHz);
  blocks.next();
  float sum = 0.0F;
  for (long i = 0; i < count; ++i) {
    for (std::size_t channel = 0; channel < kCurrentChannels; ++channel) {
      for (const auto sample : blocks.block.channels[channel]) {
        if (usual.add(sample)) sum += usual.rms_counts();
      }
    }
  }
  if (sum < 0.0F) std::abort();  // so that the loop is not optimised away
}

struct Error {
  double sum = 0.0;
  double worst = 0.0;
  int count = 0;
  void add(double measured, double truth) {
    const double error = std::abs(measured / truth - 1.0) * 100.0;
    sum += error;
    worst = std::max(worst, error);
    ++count;
  }
  void print(const char* name) const { std::printf("%s %.4f %.4f\n", name, sum / count, worst); }
};

void measure(const Waveform& wave, double frequency_hz, Error& own, Error& usual) {
  Parameters parameters;
  for (const auto floor : {Parameter::kCtNoiseFloorGrid, Parameter::kCtNoiseFloorInverter,
                           Parameter::kCtNoiseFloorLoad1, Parameter::kCtNoiseFloorLoad2}) {
    static_cast<void>(parameters.set(floor, 0));
  }
  Hardware hardware;
  hardware.amperes_per_count.fill(1.0F);
  CurrentMeter meter(hardware, parameters);
  UsualRms usual_meter;
  // The usual program reads its four inputs in turn with a blocking conversion each: about 2 kS/s are left for one.
  constexpr double kUsualRateHz = 2000.0;
  Blocks fast(wave, frequency_hz, kRateHz);
  Blocks slow(wave, frequency_hz, kUsualRateHz);
  Micros now = 0;
  for (int i = 0; i < 800; ++i) {
    fast.next();
    meter.on_samples(now += 5 * kMillisecond, fast.block, static_cast<float>(1.0 / frequency_hz));
    meter.tick(now);
    if (i > 400 && i % 40 == 0) own.add(meter.current_a(0).value_or(0.0F), wave.rms_counts());
    slow.next();
    for (const auto sample : slow.block.channels[0]) {
      if (usual_meter.add(sample) && i > 200) usual.add(usual_meter.rms_counts(), wave.rms_counts());
    }
  }
}

void compare_accuracy() {
  Error own;
  Error usual;
  for (const auto& harmonics : {sensing_test::sine(), sensing_test::flattened(), sensing_test::rectifiers()}) {
    for (double frequency_hz = 45.0; frequency_hz <= 65.0; frequency_hz += 1.7) {
      for (const double level : {0.05, 0.2, 0.6, 1.0}) {
        Waveform wave(harmonics, 60.0, frequency_hz);
        wave.fill(level);
        measure(wave, frequency_hz, own, usual);
      }
    }
  }
  own.print("own");
  usual.print("usual");
}

int run(std::string_view part, long count) {
  if (part == "block") run_blocks(count);
  if (part == "tick") run_ticks(count);
  if (part == "frame") run_frames(count);
  if (part == "usual") run_usual(count);
  if (part == "accuracy") compare_accuracy();
  if (part == "ram") std::printf("%zu %zu\n", sizeof(Pack), sizeof(void*));
  return 0;
}

}  // namespace
}  // namespace alfaspark::bench

int main(int count, char** arguments) {
  if (count != 3) {
    std::fputs("usage: alfaspark-bench block|tick|frame|usual|accuracy|ram COUNT\n", stderr);
    return 2;
  }
  return alfaspark::bench::run(arguments[1], std::strtol(arguments[2], nullptr, 10));
}
