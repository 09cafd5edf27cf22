#include <string>

#include "catch.hpp"
#include "simulator/control/json.hpp"
#include "simulator/random.hpp"

using namespace alfaspark::sim;  // NOLINT(google-build-using-namespace)

TEST_CASE("JSON is read and written") {
  const std::string text = R"({"a": [1, -2.5, 1e+20, 0], "b": {"c": null, "d": true}, "e": "x\u0001\"\\", "f": []})";
  CHECK(Json::parse(text).write() == text);
  CHECK(Json::parse(" [ 1 ,\t2\r\n] ").write() == "[1, 2]");
  CHECK(Json::parse("\"\\u00e9\\ud83d\\ude00\\/\\n\"").write() == "\"\u00e9\U0001F600/\\u000a\"");
  CHECK(*Json::parse("-0.125").as_number() == -0.125);
  CHECK(Json::parse("{}").as_object()->empty());
  CHECK(rounded(-0.0001, 2).write() == "0");
  CHECK(rounded(1234.56789, 3).write() == "1234.568");
}

TEST_CASE("what is not JSON is refused") {
  for (const char* text : {"",
                           " ",
                           "{",
                           "[1,]",
                           "{\"a\":1,}",
                           "{a:1}",
                           "{\"a\" 1}",
                           "01",
                           "1.",
                           ".5",
                           "+1",
                           "1e",
                           "0x10",
                           "1e999",
                           "nul",
                           "tru",
                           "NaN",
                           "Infinity",
                           "'a'",
                           "\"a",
                           "\"\t\"",
                           "\"\\x\"",
                           "\"\\u12\"",
                           "\"\\ud800\"",
                           "\"\\udc00\\ud800\"",
                           "1 2",
                           "[1 2]",
                           "{\"a\":1 \"b\":2}",
                           "{\"a\":1,\"a\":2}",
                           "\"\xC0\x80\"",
                           "\"\xED\xA0\x80\"",
                           "\"\xF5\x80\x80\x80\"",
                           "\"\xE2\x82\"",
                           "\"\x80\"",
                           "[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]",
                           "-",
                           "--1",
                           "\\",
                           "{\"\\"}) {
    CAPTURE(text);
    CHECK_THROWS_AS(Json::parse(text), JsonError);
  }
  CHECK_THROWS_AS(Json::parse(std::string_view("1\0", 2)), JsonError);
  CHECK_THROWS_AS(Json::parse(std::string_view("\0", 1)), JsonError);
}

TEST_CASE("random text is read or refused, never anything else") {
  Random random(1);
  static const std::string kLikely = "{}[]\",:0123456789.-+eEtruefalsn\\u \t";
  int read = 0;
  for (int round = 0; round < 200'000; ++round) {
    std::string text(random.next() % 12, '\0');
    for (char& c : text) {
      c = random.chance(0.95) ? kLikely[random.next() % kLikely.size()] : static_cast<char>(random.next());
    }
    try {
      const std::string written = Json::parse(text).write();
      REQUIRE(Json::parse(written).write() == written);
      ++read;
    } catch (const JsonError&) {
    }
  }
  CHECK(read > 100);
}
