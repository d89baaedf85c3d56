// The key record of a TPM key (daemon/backend/tpm2/key_blob.h).
// An input is a blob, with escapes.

#include <string>

#include "daemon/backend/tpm2/key_blob.h"
#include "test/fuzz/fuzz_input.h"
#include "test/fuzz/invariant.h"

namespace ddskey::fuzz {
namespace {

absl::StatusOr<tpm::KeyBlob> Parse(std::string octets) {
  // The planted bug: what the authorisation octet means beyond 0 and 1 is not looked at.
  if (planted_bug && octets.size() > 4 && octets[4] != 0) octets[4] = 1;
  return tpm::ParseBlob(octets);
}

}  // namespace
}  // namespace ddskey::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ddskey;
  using namespace ddskey::fuzz;
  const std::string octets = Unescape(AsText(data, size));
  const auto blob = Parse(octets);
  if (!blob.ok()) {
    Require(blob.status().code() == absl::StatusCode::kDataLoss, "a damaged blob is data loss");
    return 0;
  }
  const auto written = tpm::SerializeBlob(*blob);
  Require(written.ok() && *written == octets, "a blob has one form");
  Require(!tpm::ParseBlob(octets + "x").ok(), "a blob with more after it is none");
  return 0;
}
