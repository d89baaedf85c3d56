#ifndef TEST_FUZZ_FUZZ_INPUT_H_
#define TEST_FUZZ_FUZZ_INPUT_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ddskey::fuzz {

// The inputs of the fuzz targets are text where possible, so that a corpus can be read and a find understood. Octets
// that are no text are `\xNN`; a fuzzer may also write them as they are.

// AsText is what libFuzzer gave.
inline std::string_view AsText(const uint8_t* data, size_t size) { return {reinterpret_cast<const char*>(data), size}; }

// Unescape replaces every `\xNN`; other backslashes stay.
std::string Unescape(std::string_view text);

// Lines splits `text` at line feeds. An empty text has no lines, and what follows the last line feed is a line only if
// it is not empty.
std::vector<std::string_view> Lines(std::string_view text);

// Words splits `line` at single spaces.
std::vector<std::string_view> Words(std::string_view line);

// Field splits `line` at its first '=' and unescapes both parts; without one the second part is empty.
std::pair<std::string, std::string> Field(std::string_view line);

// Number reads decimal digits up to the first other character; numbers that do not fit wrap around.
uint32_t Number(std::string_view digits);

}  // namespace ddskey::fuzz

#endif  // TEST_FUZZ_FUZZ_INPUT_H_
