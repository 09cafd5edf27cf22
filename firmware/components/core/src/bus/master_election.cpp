#include "alfaspark/bus/master_election.hpp"

#include <algorithm>

namespace alfaspark {
namespace {

/// A gateway beats every pack, a higher number a lower one. Every rank is above 0.
int rank_of(frames::DeviceType type, std::uint8_t node) {
  return (type == frames::DeviceType::kEnergyGateway ? kNodes + 1 : 0) + node;
}

}  // namespace

bool MasterElection::update(Micros now, std::uint8_t own_node, const Presence& presence) {
  const bool was_master = is_master_;
  const auto old_master = master_;
  if (own_node == 0) {
    is_master_ = false;
    master_ = 0;
    return was_master || old_master != 0;
  }
  const int own_rank = rank_of(own_type_, own_node);
  int best_rank = 0;    // of the others
  int acting_rank = 0;  // of those of them that say they are master
  std::uint8_t acting_node = 0;
  for (std::uint8_t node = 1; node <= kNodes; ++node) {
    const auto type = presence.device_type(node);
    if (node == own_node || !type || !presence.is_present(now, node)) continue;
    const int rank = rank_of(*type, node);
    best_rank = std::max(best_rank, rank);
    if (presence.says_master(node) && rank > acting_rank) {
      acting_rank = rank;
      acting_node = node;
    }
  }
  if (is_master_) {
    is_master_ = acting_rank < own_rank;  // the incumbent stays until the better one says so
  } else {
    is_master_ = best_rank < own_rank && now - started_at_ >= kMayActAfter;
  }
  master_ = is_master_ ? own_node : acting_node;
  return is_master_ != was_master || master_ != old_master;
}

}  // namespace alfaspark
