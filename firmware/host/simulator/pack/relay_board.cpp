#include "simulator/pack/relay_board.hpp"

#include <utility>

namespace alfaspark::sim {

RelayBoard::RelayBoard(std::function<void()> before_move, std::function<void()> after_move)
    : before_move_(std::move(before_move)), after_move_(std::move(after_move)) {}

void RelayBoard::set(std::size_t relay, bool closed) {
  driven_.at(relay) = closed;
  move();
}

void RelayBoard::cut_supply() {
  driven_ = kWithoutSupply;
  kept_ = false;
  move();
}

void RelayBoard::weld(std::size_t relay, bool welded) {
  welded_.at(relay) = welded;
  move();
}

void RelayBoard::move() {
  Contacts wanted{};
  for (std::size_t relay = 0; relay < kCurrentChannels; ++relay) wanted[relay] = driven_[relay] || welded_[relay];
  if (wanted == contacts_) return;
  before_move_();
  for (std::size_t relay = 0; relay < kCurrentChannels; ++relay) {
    if (wanted[relay] != contacts_[relay]) ++edges_[relay];
  }
  contacts_ = wanted;
  after_move_();
}

}  // namespace alfaspark::sim
