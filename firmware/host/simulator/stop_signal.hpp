// SIGINT and SIGTERM as something that the event loop can wait for.
#pragma once

#include "simulator/net/descriptor.hpp"

namespace alfaspark::sim {

class StopSignal final : public Pollable {
 public:
  /// At most one at a time. Throws std::runtime_error if the system has no pipe left.
  StopSignal();
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  [[nodiscard]] bool has_come() const { return has_come_; }

  [[nodiscard]] int fd() const override { return reading_.get(); }
  [[nodiscard]] short events() const override;
  void on_ready(short reported) override;

 private:
  Descriptor reading_;
  Descriptor writing_;
  bool has_come_ = false;
};

}  // namespace alfaspark::sim
