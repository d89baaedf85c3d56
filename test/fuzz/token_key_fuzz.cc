// The key record of a key in a PKCS#11 token (daemon/backend/pkcs11/token_blob.h).
// An input is a blob without the digest at its end, with escapes.

#include <string>

#include "daemon/backend/pkcs11/token_blob.h"
#include "test/fuzz/fuzz_input.h"
#include "test/fuzz/invariant.h"

namespace ddskey::fuzz {
namespace {

absl::StatusOr<pkcs11::TokenBlob> Parse(std::string octets) {
  // The planted bug: a purpose that there is not is taken for another (S-1).
  if (planted_bug && octets.size() > 5) octets[5] = 1;
  return pkcs11::ParseBlob(octets + pkcs11::DigestOf(octets));
}

}  // namespace
}  // namespace ddskey::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ddskey;
  using namespace ddskey::fuzz;
  const std::string octets = Unescape(AsText(data, size));
  Require(!pkcs11::ParseBlob(octets).ok(), "a blob without the digest of it all is none");
  const auto blob = Parse(octets);
  if (!blob.ok()) {
    Require(blob.status().code() == absl::StatusCode::kDataLoss, "a damaged blob is data loss");
    return 0;
  }
  Require(pkcs11::FormatBlob(*blob) == octets + pkcs11::DigestOf(octets), "a blob has one form");
  Require(blob->purpose == KeyPurpose::kHandshake || blob->purpose == KeyPurpose::kDigest, "a purpose is one of two");
  Require(!blob->id.empty() && blob->id.size() <= 64, "an id is as long as it may be");
  return 0;
}
