#include "simulator/time/timeline.hpp"

#include <algorithm>
#include <utility>

namespace alfaspark::sim {

bool Timeline::is_later(const Entry& a, const Entry& b) {
  return a.time != b.time ? a.time > b.time : a.order > b.order;
}

void Timeline::at(Micros time, Action action) {
  heap_.push_back({std::max(time, now_), next_order_++, std::move(action)});
  std::push_heap(heap_.begin(), heap_.end(), is_later);
}

void Timeline::run_until(Micros time) {
  while (!heap_.empty() && heap_.front().time <= time) {
    std::pop_heap(heap_.begin(), heap_.end(), is_later);
    const Entry entry = std::move(heap_.back());
    heap_.pop_back();
    now_ = entry.time;
    entry.action();
  }
  now_ = std::max(now_, time);
}

}  // namespace alfaspark::sim
