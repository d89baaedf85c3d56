// What a CA is sent about a key in a TPM, and what it sends back (client/attestation).
// The first line says what the rest is:
//
//   public, attest, signature   a structure of the TPM, with escapes
//   bundle, wrapped             a file, with escapes
//   list                        a list of endorsement keys
//   edit                        changes to a good bundle, a line each: FIELD=VALUE with escapes, FIELD=@OTHER takes
//   what
//                               another field has, FIELD^N flips bit N

#include <google/protobuf/descriptor.h>

#include <string>
#include <string_view>

#include "client/attestation/ek_list.h"
#include "client/attestation/tpm_structures.h"
#include "client/attestation/verifier.h"
#include "client/attestation/wrapping.h"
#include "test/fuzz/fuzz_input.h"
#include "test/fuzz/invariant.h"
#include "test/support/forged_tpm.h"

namespace ddskey::fuzz {
namespace {

using google::protobuf::FieldDescriptor;

const test::ForgedTpm& Tpm() {
  static const test::ForgedTpm& tpm = *new test::ForgedTpm;
  return tpm;
}

const v1::AttestationBundle& Good() {
  static const v1::AttestationBundle& bundle = *new v1::AttestationBundle(Tpm().Sign(Tpm().Good()));
  return bundle;
}

absl::StatusOr<attestation::Verdict> Verify(v1::AttestationBundle bundle) {
  attestation::Expectations expectations;
  expectations.nonce = Good().nonce();
  expectations.trust.roots = Tpm().roots();
  // The planted bug: which key it was is not looked at.
  if (planted_bug) bundle.set_identity(Good().identity());
  return attestation::Verify(bundle, expectations, absl::Now());
}

std::string Get(const v1::AttestationBundle& bundle, std::string_view name) {
  const FieldDescriptor* const field = bundle.GetDescriptor()->FindFieldByName(std::string(name));
  if (field == nullptr || field->cpp_type() != FieldDescriptor::CPPTYPE_STRING) return "";
  return field->is_repeated() ? bundle.GetReflection()->GetRepeatedString(bundle, field, 0)
                              : bundle.GetReflection()->GetString(bundle, field);
}

void Set(v1::AttestationBundle& bundle, std::string_view name, const std::string& value) {
  const FieldDescriptor* const field = bundle.GetDescriptor()->FindFieldByName(std::string(name));
  if (field == nullptr || field->cpp_type() != FieldDescriptor::CPPTYPE_STRING) return;
  if (field->is_repeated()) {
    bundle.GetReflection()->SetRepeatedString(&bundle, field, 0, value);
  } else {
    bundle.GetReflection()->SetString(&bundle, field, value);
  }
}

v1::AttestationBundle Edited(std::string_view text) {
  v1::AttestationBundle bundle = Good();
  for (const std::string_view line : Lines(text)) {
    if (const size_t flip = line.find('^'); flip != std::string_view::npos && line.find('=') > flip) {
      const std::string_view name = line.substr(0, flip);
      std::string value = Get(bundle, name);
      if (value.empty()) continue;
      const uint32_t bit = Number(line.substr(flip + 1));
      value[bit / 8 % value.size()] = static_cast<char>(value[bit / 8 % value.size()] ^ (1 << (bit % 8)));
      Set(bundle, name, value);
      continue;
    }
    const auto [name, value] = Field(line);
    Set(bundle, name, value.starts_with('@') ? Get(Good(), value.substr(1)) : value);
  }
  return bundle;
}

void TryEdit(std::string_view text) {
  const v1::AttestationBundle bundle = Edited(text);
  const bool same = bundle.SerializeAsString() == Good().SerializeAsString();
  const auto verdict = Verify(bundle);
  Require(verdict.ok() == same, "a bundle is good exactly if nothing in it was altered");
  if (same) return;
  Require(absl::IsFailedPrecondition(verdict.status()) || absl::IsInvalidArgument(verdict.status()),
          "a bad bundle is refused, or cannot be read");
}

void TryBundle(const std::string& octets) {
  const auto bundle = attestation::ParseBundle(octets);
  if (!bundle.ok()) return;
  const auto again = attestation::ParseBundle(bundle->SerializeAsString());
  Require(again.ok() && again->SerializeAsString() == bundle->SerializeAsString(), "a bundle is read as it is written");
  Require(!Verify(*bundle).ok(), "nobody else's bundle is good");
}

void TryWrapped(const std::string& octets) {
  const auto wrapped = attestation::ParseWrapped(octets);
  if (!wrapped.ok()) return;
  const auto again = attestation::ParseWrapped(wrapped->SerializeAsString());
  Require(again.ok() && again->SerializeAsString() == wrapped->SerializeAsString(), "it is read as it is written");
  Require(!attestation::Unwrap(*wrapped, wrapped->identity(), wrapped->kind(), std::string(32, 's')).ok(),
          "nothing opens with a secret that it was not encrypted with");
}

void TryPublic(const std::string& octets) {
  const auto area = attestation::ParsePublic(octets, "a key");
  if (!area.ok()) return;
  Require(attestation::MarshalPublic(*area) == octets, "a public area has one form");
  Require(!attestation::ParsePublic(octets + "x", "a key").ok(), "one with more after it is none");
  Require(attestation::NameOf(*area).size() == 34, "it has a Name");
  const auto key = attestation::KeyOf(*area, "a key");
  Require(!key.ok() || attestation::KeyDigest(key->get()).size() == 32, "a key can be written");
}

}  // namespace
}  // namespace ddskey::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ddskey;
  using namespace ddskey::fuzz;
  const std::string_view input = AsText(data, size);
  const size_t end = input.find('\n');
  if (end == std::string_view::npos) return 0;
  const std::string_view kind = input.substr(0, end);
  const std::string_view rest = input.substr(end + 1);
  if (kind == "edit") TryEdit(rest);
  if (kind == "bundle") TryBundle(Unescape(rest));
  if (kind == "wrapped") TryWrapped(Unescape(rest));
  if (kind == "public") TryPublic(Unescape(rest));
  if (kind == "attest") {
    const std::string octets = Unescape(rest);
    Require(!attestation::ParseAttest(octets, "it").ok() || !attestation::ParseAttest(octets + "x", "it").ok(),
            "a statement with more after it is none");
  }
  if (kind == "signature") {
    const std::string octets = Unescape(rest);
    Require(!attestation::ParseSignature(octets, "it").ok() || !attestation::ParseSignature(octets + "x", "it").ok(),
            "a signature with more after it is none");
  }
  if (kind == "list") {
    const auto list = attestation::EkList::Parse(rest);
    Require(!list.ok() || !list->Check(std::string(32, '\xee'), "CN=nobody").ok(), "what is not listed is refused");
  }
  return 0;
}
