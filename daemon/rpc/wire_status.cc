#include "daemon/rpc/wire_status.h"

#include <array>
#include <string>

namespace ddskey {
namespace {

constexpr size_t kMaxMessage = 512;
constexpr std::string_view kCut = "...";

std::string Escape(absl::string_view text) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  for (const char c : text) {
    const auto octet = static_cast<unsigned char>(c);
    const bool printable = octet >= 0x20 && octet < 0x7f;
    if (out.size() + (printable ? 1 : 4) > kMaxMessage - kCut.size()) {
      out += kCut;
      break;
    }
    if (printable) {
      out += c;
    } else {
      out += "\\x";
      out += kDigits[octet >> 4];
      out += kDigits[octet & 0xf];
    }
  }
  return out;
}

}  // namespace

grpc::Status ToWire(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  // status.code() maps numbers that gRPC does not know to UNKNOWN; the others are the same in both.
  const auto code = static_cast<grpc::StatusCode>(status.code());
  if (code == grpc::StatusCode::INTERNAL || code == grpc::StatusCode::UNKNOWN) {
    return grpc::Status(code, "internal error of ddskeyd; its log says more");
  }
  return grpc::Status(code, Escape(status.message()));
}

}  // namespace ddskey
