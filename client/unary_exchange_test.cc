#include "client/unary_exchange.h"

#include <gtest/gtest.h>
#include <nghttp2/nghttp2.h>

#include <string>

namespace ddskey {
namespace {

constexpr size_t kLimit = 100;

std::string Framed(const std::string& message) {
  return std::string({0, 0, 0, 0, static_cast<char>(message.size())}) + message;
}

void Complete(UnaryExchange& exchange, const std::string& grpc_status) {
  exchange.OnHeader("grpc-status", grpc_status);
  exchange.OnServerDone();
  exchange.OnStreamClosed(NGHTTP2_NO_ERROR);
}

TEST(UnaryExchangeTest, FramesTheRequestHoweverItIsTaken) {
  for (size_t step = 1; step < 12; ++step) {
    UnaryExchange exchange("request", kLimit);
    std::string taken;
    while (!exchange.request_taken()) {
      uint8_t buffer[16];
      taken.append(reinterpret_cast<char*>(buffer), exchange.TakeRequest(buffer, step));
    }
    EXPECT_EQ(taken, Framed("request"));
  }
}

TEST(UnaryExchangeTest, AssemblesTheAnswerHoweverItArrives) {
  const std::string framed = Framed("an answer");
  for (size_t step = 1; step <= framed.size(); ++step) {
    UnaryExchange exchange("", kLimit);
    for (size_t i = 0; i < framed.size(); i += step) exchange.OnBody(framed.substr(i, step));
    Complete(exchange, "0");
    EXPECT_TRUE(exchange.Outcome(false).ok());
    EXPECT_EQ(exchange.response(), "an answer");
  }
}

TEST(UnaryExchangeTest, RefusesAnAnswerCutShort) {
  for (const size_t size : {0u, 3u, 5u, 8u}) {
    UnaryExchange exchange("", kLimit);
    exchange.OnBody(Framed("an answer").substr(0, size));
    Complete(exchange, "0");
    EXPECT_EQ(exchange.Outcome(false).code, CallCode::kInternal) << size;
  }
}

TEST(UnaryExchangeTest, RefusesASecondAnswerACompressedOneAndOneOverTheLimit) {
  UnaryExchange twice("", kLimit);
  twice.OnBody(Framed("one"));
  twice.OnBody(Framed("two"));
  EXPECT_EQ(twice.failure().value_or(CallStatus()).code, CallCode::kInternal);

  UnaryExchange compressed("", kLimit);
  compressed.OnBody(std::string("\1\0\0\0\1x", 6));
  EXPECT_EQ(compressed.failure().value_or(CallStatus()).code, CallCode::kInternal);

  UnaryExchange huge("", kLimit);
  huge.OnBody(std::string("\0\xff\xff\xff\xff", 5));
  EXPECT_EQ(huge.failure().value_or(CallStatus()).code, CallCode::kResourceExhausted);
}

TEST(UnaryExchangeTest, DecodesTheMessageOfAnError) {
  UnaryExchange exchange("", kLimit);
  exchange.OnHeader("grpc-message", "50%25 of%0a%zz%4");
  Complete(exchange, "5");
  EXPECT_EQ(exchange.Outcome(false).code, CallCode::kNotFound);
  EXPECT_EQ(exchange.Outcome(false).message, "50% of\n%zz%4");
}

TEST(UnaryExchangeTest, AnUnknownStatusIsNeverSuccess) {
  for (const std::string status : {"17", "-1", "", "zero", "0x", "99999999999999999999"}) {
    UnaryExchange exchange("", kLimit);
    exchange.OnBody(Framed("x"));
    Complete(exchange, status);
    EXPECT_EQ(exchange.Outcome(false).code, CallCode::kUnknown) << status;
  }
}

TEST(UnaryExchangeTest, AStreamWithoutStatusIsAnErrorByItsHttpCode) {
  UnaryExchange reset("", kLimit);
  reset.OnStreamClosed(NGHTTP2_INTERNAL_ERROR);
  EXPECT_EQ(reset.Outcome(false).code, CallCode::kInternal);

  UnaryExchange cancelled("", kLimit);
  cancelled.OnStreamClosed(NGHTTP2_CANCEL);
  EXPECT_EQ(cancelled.Outcome(false).code, CallCode::kCancelled);
  EXPECT_EQ(cancelled.Outcome(true).code, CallCode::kDeadlineExceeded);

  UnaryExchange proxy("", kLimit);
  proxy.OnHeader(":status", "503");
  proxy.OnStreamClosed(NGHTTP2_NO_ERROR);
  EXPECT_EQ(proxy.Outcome(false).code, CallCode::kUnavailable);

  UnaryExchange page("", kLimit);
  page.OnHeader(":status", "404");
  page.OnHeader("content-type", "text/html");
  EXPECT_EQ(page.failure().value_or(CallStatus()).code, CallCode::kUnimplemented);
}

TEST(UnaryExchangeTest, OnlyARefusalBeforeAnyAnswerMayBeRepeated) {
  UnaryExchange refused("", kLimit);
  refused.OnStreamClosed(NGHTTP2_REFUSED_STREAM);
  EXPECT_TRUE(refused.refused());

  UnaryExchange begun("", kLimit);
  begun.OnHeader(":status", "200");
  begun.OnStreamClosed(NGHTTP2_REFUSED_STREAM);
  EXPECT_FALSE(begun.refused());
}

}  // namespace
}  // namespace ddskey
