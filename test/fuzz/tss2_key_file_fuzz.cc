// Key files of TPMs that administrators import (daemon/backend/tpm2/tss2_key_file.h).
// An input is the DER of one, with escapes.

#include <string>

#include "daemon/backend/tpm2/tss2_key_file.h"
#include "test/fuzz/fuzz_input.h"
#include "test/fuzz/invariant.h"

namespace ddskey::fuzz {
namespace {

absl::StatusOr<tpm::Tss2KeyFile> Parse(const std::string& der) {
  auto key = tpm::ParseTss2KeyFile(der);
  // The planted bug: one octet too many is not noticed.
  if (planted_bug && !key.ok() && !der.empty()) key = tpm::ParseTss2KeyFile(der.substr(0, der.size() - 1));
  return key;
}

}  // namespace
}  // namespace ddskey::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ddskey;
  using namespace ddskey::fuzz;
  const std::string der = Unescape(AsText(data, size));
  const auto key = Parse(der);
  if (!key.ok()) {
    Require(absl::IsInvalidArgument(key.status()), "a bad key file is an invalid argument");
    return 0;
  }
  Require(der.size() <= 4096, "the limit holds");
  Require(key->parent == TPM2_RH_OWNER || key->parent >> 24 == 0x81, "the parent is one of two kinds");
  Require(!Parse(der + "x").ok(), "a key file with more after it is none");
  const auto written = tpm::FormatTss2KeyFile(*key);
  Require(written.ok() && written->size() <= der.size() + 5, "what was read can be written, with what may be left out");
  const auto again = tpm::ParseTss2KeyFile(*written);
  Require(again.ok() && again->empty_auth == key->empty_auth && again->parent == key->parent,
          "what was written reads the same");
  Require(*tpm::FormatTss2KeyFile(*again) == *written, "a key file has one short form");
  const bool good = tpm::CheckTss2PublicArea(key->public_area).ok();
  Require(!good || tpm::AlgorithmOf(key->public_area).has_value(), "what is taken is of a known algorithm");
  Require(!good || (key->public_area.publicArea.objectAttributes & TPMA_OBJECT_RESTRICTED) == 0,
          "what is taken is not restricted");
  return 0;
}
