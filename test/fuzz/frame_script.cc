#include "test/fuzz/frame_script.h"

#include <algorithm>

#include "daemon/rpc/http2_frames.h"
#include "test/fuzz/fuzz_input.h"

namespace ddskey::fuzz {
namespace {

constexpr size_t kMostEvents = 300;
constexpr uint32_t kLargestPayload = 20'000;
constexpr uint32_t kLongestTime = 100'000;

std::string FrameOf(const std::vector<std::string_view>& words, const std::string& payload) {
  return test::Frame(static_cast<uint8_t>(Number(words[1])), static_cast<uint8_t>(Number(words[2])), Number(words[3]),
                     payload.substr(0, kLargestPayload));
}

void ReadEvent(std::string_view line, std::vector<Event>& events) {
  std::vector<std::string_view> words = Words(line);
  if (words.empty()) return;
  words.resize(std::max<size_t>(words.size(), 5));
  const std::string_view word = words[0];
  const uint32_t number = Number(words[1]) % kLongestTime;
  if (word == "hello") events.push_back({Event::kClient, test::Hello()});
  if (word == "frame") events.push_back({Event::kClient, FrameOf(words, Unescape(words[4]))});
  if (word == "fill") {
    events.push_back({Event::kClient, FrameOf(words, std::string(Number(words[4]) % kLargestPayload, 'x'))});
  }
  if (word == "raw") events.push_back({Event::kClient, Unescape(line.substr(std::min<size_t>(4, line.size())))});
  if (word == "server") events.push_back({Event::kServer, FrameOf(words, Unescape(words[4]))});
  if (word == "serve") {
    events.push_back({Event::kServer, test::Frame(test::kData, 0, 1, std::string(number % kLargestPayload, 'y'))});
  }
  if (word == "wait") events.push_back({Event::kWait, "", number});
  if (word == "excuse") events.push_back({Event::kExcuse, "", number});
  if (word == "reads") events.push_back({Event::kClientReads, "", number});
  if (line == "client ends") events.push_back({Event::kClientEnds, ""});
  if (line == "server ends") events.push_back({Event::kServerEnds, ""});
}

}  // namespace

std::vector<Event> ReadEvents(std::string_view input) {
  std::vector<Event> events;
  for (const std::string_view line : Lines(input)) {
    if (events.size() < kMostEvents) ReadEvent(line, events);
  }
  return events;
}

bool MayBeSeen(std::string_view octets) {
  if (octets.empty()) return true;
  if (!octets.starts_with(test::kPreface)) return false;
  octets.remove_prefix(test::kPreface.size());
  bool in_block = false;
  while (!octets.empty()) {
    if (octets.size() < 9) return false;
    const auto at = [octets](size_t i) { return static_cast<uint8_t>(octets[i]); };
    const size_t length = size_t{at(0)} << 16 | size_t{at(1)} << 8 | at(2);
    const uint8_t type = at(3);
    const bool ends_block = (at(4) & test::kEndHeaders) != 0;
    if (type == test::kHeaders || type == test::kContinuation) in_block = !ends_block;
    const size_t left = octets.size() - 9;
    if (left < length) return type != test::kHeaders && type != test::kContinuation && !in_block;
    octets.remove_prefix(9 + length);
  }
  return !in_block;
}

}  // namespace ddskey::fuzz
