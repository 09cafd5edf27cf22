// Catch2 in the version that the system has: 2.13 (one header) or 3.
#pragma once

#if CATCH2_MAJOR >= 3
#include <catch2/catch_all.hpp>
using Catch::Approx;
#else
#include <catch2/catch.hpp>
#endif
