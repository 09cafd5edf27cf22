// Virtual time and what is due in it.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "alfaspark/ports.hpp"

namespace alfaspark::sim {

/// Runs actions in the order of their times; those of one instant in the order in which they were asked for.
///
/// Times are microseconds since the simulation started. Nothing can be taken back: an action whose subject may be gone
/// by then checks that itself.
class Timeline {
 public:
  using Action = std::function<void()>;

  [[nodiscard]] Micros now() const { return now_; }

  /// A time in the past means now.
  void at(Micros time, Action action);
  void after(Micros delay, Action action) { at(now_ + delay, std::move(action)); }

  /// Runs everything due up to and including `time`, then stands at `time`.
  void run_until(Micros time);

 private:
  struct Entry {
    Micros time;
    std::uint64_t order;
    Action action;
  };
  /// For a heap with the earliest entry in front.
  static bool is_later(const Entry& a, const Entry& b);

  Micros now_ = 0;
  std::uint64_t next_order_ = 0;
  std::vector<Entry> heap_;
};

}  // namespace alfaspark::sim
