// What is soldered to the device, from the Kconfig menu "AlfaSpark".
#pragma once

#include <array>

#include "alfaspark/board/ct_scale.hpp"
#include "alfaspark/board/pins.hpp"
#include "alfaspark/board/relay_level.hpp"
#include "alfaspark/identity.hpp"
#include "driver/gpio.h"
#include "sdkconfig.h"

namespace alfaspark::board {

constexpr gpio_num_t pin(int number) { return static_cast<gpio_num_t>(number); }

#ifdef CONFIG_ALFASPARK_DEVICE_GATEWAY
constexpr auto kDeviceType = frames::DeviceType::kEnergyGateway;
#else
constexpr auto kDeviceType = frames::DeviceType::kEnergyPack;
#endif

#ifdef CONFIG_ALFASPARK_MAINS_60HZ
constexpr float kNominalFrequencyHz = 60.0F;
#else
constexpr float kNominalFrequencyHz = 50.0F;
#endif

#ifdef CONFIG_ALFASPARK_GRID_SENSE_FITTED
constexpr bool kIsGridSenseFitted = true;
#else
constexpr bool kIsGridSenseFitted = false;
#endif

#ifdef CONFIG_ALFASPARK_S0_ACTIVE_LOW
constexpr bool kIsS0ActiveLow = true;
#else
constexpr bool kIsS0ActiveLow = false;
#endif

// A bool option that is off has no macro at all.
#ifndef CONFIG_ALFASPARK_RELAY_GRID_ACTIVE_LOW
#define CONFIG_ALFASPARK_RELAY_GRID_ACTIVE_LOW 0
#endif
#ifndef CONFIG_ALFASPARK_RELAY_GRID_NORMALLY_CLOSED
#define CONFIG_ALFASPARK_RELAY_GRID_NORMALLY_CLOSED 0
#endif
#ifndef CONFIG_ALFASPARK_RELAY_INVERTER_ACTIVE_LOW
#define CONFIG_ALFASPARK_RELAY_INVERTER_ACTIVE_LOW 0
#endif
#ifndef CONFIG_ALFASPARK_RELAY_INVERTER_NORMALLY_CLOSED
#define CONFIG_ALFASPARK_RELAY_INVERTER_NORMALLY_CLOSED 0
#endif
#ifndef CONFIG_ALFASPARK_RELAY_LOAD1_ACTIVE_LOW
#define CONFIG_ALFASPARK_RELAY_LOAD1_ACTIVE_LOW 0
#endif
#ifndef CONFIG_ALFASPARK_RELAY_LOAD1_NORMALLY_CLOSED
#define CONFIG_ALFASPARK_RELAY_LOAD1_NORMALLY_CLOSED 0
#endif
#ifndef CONFIG_ALFASPARK_RELAY_LOAD2_ACTIVE_LOW
#define CONFIG_ALFASPARK_RELAY_LOAD2_ACTIVE_LOW 0
#endif
#ifndef CONFIG_ALFASPARK_RELAY_LOAD2_NORMALLY_CLOSED
#define CONFIG_ALFASPARK_RELAY_LOAD2_NORMALLY_CLOSED 0
#endif

struct RelayOutput {
  gpio_num_t pin;
  RelayWiring wiring;
};

/// By frames::Relay.
inline constexpr std::array<RelayOutput, kCurrentChannels> kRelayOutputs{{
    {pin(CONFIG_ALFASPARK_PIN_RELAY_GRID),
     {CONFIG_ALFASPARK_RELAY_GRID_ACTIVE_LOW != 0, CONFIG_ALFASPARK_RELAY_GRID_NORMALLY_CLOSED != 0}},
    {pin(CONFIG_ALFASPARK_PIN_RELAY_INVERTER),
     {CONFIG_ALFASPARK_RELAY_INVERTER_ACTIVE_LOW != 0, CONFIG_ALFASPARK_RELAY_INVERTER_NORMALLY_CLOSED != 0}},
    {pin(CONFIG_ALFASPARK_PIN_RELAY_LOAD1),
     {CONFIG_ALFASPARK_RELAY_LOAD1_ACTIVE_LOW != 0, CONFIG_ALFASPARK_RELAY_LOAD1_NORMALLY_CLOSED != 0}},
    {pin(CONFIG_ALFASPARK_PIN_RELAY_LOAD2),
     {CONFIG_ALFASPARK_RELAY_LOAD2_ACTIVE_LOW != 0, CONFIG_ALFASPARK_RELAY_LOAD2_NORMALLY_CLOSED != 0}},
}};

inline constexpr float kOhmPerMilliohm = 1e-3F;
inline constexpr CurrentTransformer kMainTransformer{.turns = CONFIG_ALFASPARK_CT_TURNS,
                                                     .burden_ohm = CONFIG_ALFASPARK_BURDEN_MAIN_MOHM * kOhmPerMilliohm};
inline constexpr CurrentTransformer kLoadTransformer{.turns = CONFIG_ALFASPARK_CT_TURNS,
                                                     .burden_ohm = CONFIG_ALFASPARK_BURDEN_LOAD_MOHM * kOhmPerMilliohm};

struct CurrentInput {
  int pin;
  CurrentTransformer transformer;
};

/// By alfaspark::Channel.
inline constexpr std::array<CurrentInput, kCurrentChannels> kCurrentInputs{{
    {CONFIG_ALFASPARK_PIN_CT_GRID, kMainTransformer},
    {CONFIG_ALFASPARK_PIN_CT_INVERTER, kMainTransformer},
    {CONFIG_ALFASPARK_PIN_CT_LOAD1, kLoadTransformer},
    {CONFIG_ALFASPARK_PIN_CT_LOAD2, kLoadTransformer},
}};

inline constexpr std::array kPins{
    CONFIG_ALFASPARK_PIN_CT_GRID,        CONFIG_ALFASPARK_PIN_CT_INVERTER,
    CONFIG_ALFASPARK_PIN_CT_LOAD1,       CONFIG_ALFASPARK_PIN_CT_LOAD2,
    CONFIG_ALFASPARK_PIN_BMS_RX,         CONFIG_ALFASPARK_PIN_BMS_TX,
    CONFIG_ALFASPARK_PIN_BMS_DE,         CONFIG_ALFASPARK_PIN_CAN_TX,
    CONFIG_ALFASPARK_PIN_CAN_RX,         CONFIG_ALFASPARK_PIN_RELAY_GRID,
    CONFIG_ALFASPARK_PIN_RELAY_INVERTER, CONFIG_ALFASPARK_PIN_RELAY_LOAD1,
    CONFIG_ALFASPARK_PIN_RELAY_LOAD2,    CONFIG_ALFASPARK_PIN_BAR,
    CONFIG_ALFASPARK_PIN_DISPLAY_CLK,    CONFIG_ALFASPARK_PIN_DISPLAY_DIO,
    CONFIG_ALFASPARK_PIN_LED_GREEN,      CONFIG_ALFASPARK_PIN_LED_YELLOW,
    CONFIG_ALFASPARK_PIN_LED_RED,        CONFIG_ALFASPARK_PIN_GRID_SENSE,
    CONFIG_ALFASPARK_PIN_S0_ACTIVE,      CONFIG_ALFASPARK_PIN_S0_REACTIVE,
    CONFIG_ALFASPARK_PIN_BUTTON,
};
static_assert(are_distinct(kPins), "menuconfig, AlfaSpark, Pins: a pin has two uses");
static_assert(spare_the_flash(kPins), "menuconfig, AlfaSpark, Pins: 6 to 11 belong to the flash");

}  // namespace alfaspark::board
