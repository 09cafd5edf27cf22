#include "alfaspark/bus/status_trigger.hpp"

#include <algorithm>
#include <tuple>

namespace alfaspark {
namespace {

auto all_but_import(const frames::Status& status) {
  return std::tie(status.relays, status.grid, status.reason_grid, status.reason_inverter, status.reason_load1,
                  status.reason_load2, status.modes, status.warnings);
}

}  // namespace

bool StatusTrigger::take_due(Micros now, const frames::Status& status) {
  const auto refills = (now - refilled_at_) / kRefill;
  tokens_ = static_cast<int>(std::min<Micros>(tokens_ + refills, kInARow));
  refilled_at_ = tokens_ == kInARow ? now : refilled_at_ + refills * kRefill;

  if (all_but_import(status) == all_but_import(last_)) return false;
  if (tokens_ == 0 && status.grid == last_.grid) return false;
  tokens_ = std::max(tokens_ - 1, 0);
  return true;
}

}  // namespace alfaspark
