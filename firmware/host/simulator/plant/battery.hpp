// The pack's battery: 16 LFP cells of 280 Ah, as the rest of the plant sees them.
#pragma once

namespace alfaspark::sim {

/// What the battery takes and gives at most, both positive.
struct BatteryLimits {
  double charge_w = 0.0;
  double discharge_w = 0.0;
};

/// A battery without losses: what goes in comes out, and its voltage follows the SOC alone.
///
/// The voltage is the straight line that the pack assumes (2.9 V per cell at 0 %, 3.9 V at 100 %), so that the pack's
/// SOC can be held against the true one.
class Battery {
 public:
  static constexpr double kCapacityWh = 16 * 3.2 * 280.0;
  static constexpr double kEmptyV = 46.4;
  static constexpr double kFullV = 62.4;
  static constexpr double kMaximumCurrentA = 100.0;

  explicit Battery(double soc_pct);

  [[nodiscard]] double soc_pct() const;
  /// 0..100.
  void set_soc_pct(double soc_pct);
  [[nodiscard]] double voltage_v() const;
  /// Amperes at `power_w`, both positive = charging.
  [[nodiscard]] double current_a(double power_w) const { return power_w / voltage_v(); }
  /// 100 A either way; the last 5 % up and the last 3 % down ever less, so that neither end is passed.
  [[nodiscard]] BatteryLimits limits() const;
  /// Positive = charging. Powers within the limits keep the SOC within 0..100 %.
  void charge(double energy_wh) { energy_wh_ += energy_wh; }

 private:
  double energy_wh_;
};

}  // namespace alfaspark::sim
