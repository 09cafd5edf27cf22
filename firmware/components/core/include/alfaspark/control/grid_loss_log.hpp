// The last losses of the public grid, on flash, so that a host that was off meanwhile can read when there was no power.
//
// Wear: a loss is written when it begins and when it ends, some 20 writes a day where the grid fails 10 times. A grid
// that flaps, or a loose wire of the sense input, may make a loss every 2 s: so writes are rationed, 16 at once and
// then one a minute, which is 5.3 million in ten years of nothing else, a quarter of what the flash bears
// (docs/firmware.md). What waits is in memory and told all the same; only a cut of supply loses it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "alfaspark/control/clock.hpp"
#include "alfaspark/generated/frames.hpp"
#include "alfaspark/ports.hpp"

namespace alfaspark {

class GridLossLog {
 public:
  static constexpr std::size_t kLosses = 32;
  static constexpr std::uint8_t kFirstKey = 64;  ///< on flash; the loss of number n is record kFirstKey + n % 32

  static constexpr Micros kTellGap = 20 * kMillisecond;      ///< between two frames
  static constexpr Micros kWriteDelay = 500 * kMillisecond;  ///< STATUS and the relays come first
  static constexpr Micros kWritePeriod = 60 * kSecond;
  static constexpr int kWritesAtOnce = 16;
  static constexpr Micros kRetry = 60 * kSecond;  ///< after a failed write

  explicit GridLossLog(StoragePort& storage) : storage_(storage) {}

  /// Once, at start: takes what is on flash. What is damaged there is left out; the losses that follow replace it.
  void load();
  /// A loss begins with `absent` and ends with `present`; `unknown` changes nothing. Cheap while nothing changes.
  void tick(Micros now, frames::GridState grid, const Clock& clock);
  /// Writes one record, if one is due.
  void write_due(Micros now);
  /// Writes all that is not on flash yet: before a restart.
  void flush();

  /// How many are kept.
  [[nodiscard]] std::size_t size() const;
  /// Low 8 bits of the number of the newest; 0 if there never was one.
  [[nodiscard]] std::uint8_t newest() const { return static_cast<std::uint8_t>(newest_); }
  /// The oldest is 0. `index` < size().
  [[nodiscard]] frames::GridLoss at(std::size_t index) const;
  /// Has every kept loss told once more, from a time on.
  void tell_all(Micros from) { tell_all_at_ = from; }
  /// The next that is to be told, oldest first.
  std::optional<frames::GridLoss> take_due(Micros now);

  [[nodiscard]] bool has_storage_failed() const { return has_failed_; }

 private:
  enum class State : std::uint8_t { kNone = 0, kGoingOn = 1, kEnded = 2, kEndUnknown = 3 };

  struct Loss {
    std::uint32_t start_s = 0;     ///< Unix time, 0 = not known; or of the uptime
    std::uint32_t duration_s = 0;  ///< of kEnded
    State state = State::kNone;
    bool starts_at_uptime = false;  ///< there was no clock yet; never on flash
  };

  static std::size_t slot_of(std::uint32_t number) { return number % kLosses; }
  static std::uint32_t mask_of(std::uint32_t number) { return 1U << slot_of(number); }
  Loss& loss(std::uint32_t number) { return losses_[slot_of(number)]; }
  [[nodiscard]] const Loss& loss(std::uint32_t number) const { return losses_[slot_of(number)]; }
  [[nodiscard]] bool is_going_on() const { return loss(newest_).state == State::kGoingOn; }
  [[nodiscard]] frames::GridLoss frame_of(std::uint32_t number) const;

  void begin(Micros now, const Clock& clock);
  void end(Micros at);
  void find_times(Micros now, const Clock& clock);
  void on_changed(Micros now, std::uint32_t number);
  bool write(std::uint32_t number);

  StoragePort& storage_;
  std::array<Loss, kLosses> losses_{};  ///< by number % 32
  std::uint32_t newest_ = 0;            ///< number of the newest; 0 = none yet
  std::uint32_t to_write_ = 0;          ///< a bit for each slot
  std::uint32_t to_tell_ = 0;
  Micros write_at_ = 0;
  Micros rationed_until_ = 0;  ///< the writes so far are worth a period each, up to this time
  Micros tell_at_ = 0;
  std::optional<Micros> tell_all_at_;
  std::optional<Micros> begun_at_;  ///< of the loss that goes on, if it began in this boot
  bool is_absent_again_ = false;    ///< one that began in an earlier boot was found to go on in this one
  /// It ended in this boot, when there was no clock yet.
  struct CarriedEnd {
    std::uint32_t number;
    Micros at;
  };
  std::optional<CarriedEnd> carried_end_;
  bool wants_clock_ = false;  ///< a start or an end waits for it
  bool has_failed_ = false;
};

}  // namespace alfaspark
