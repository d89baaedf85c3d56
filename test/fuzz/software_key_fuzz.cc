// The key record of a software key (daemon/backend/software/key_sealer.h).
// The first line is `ALGORITHM PURPOSE`, as numbers, that the record is said to have; each other line alters the blob
// or the public key: `blob AT OCTET`, `public AT OCTET`, `cut SIZE`, `add OCTETS`.

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/backend/crypto_library.h"
#include "daemon/backend/software/key_sealer.h"
#include "daemon/handshake/test_secrets.h"
#include "test/fuzz/fuzz_input.h"
#include "test/fuzz/invariant.h"

namespace ddskey::fuzz {
namespace {

// Keys are a sealer and what it sealed.
struct Keys {
  std::unique_ptr<CryptoLibrary> library = *CryptoLibrary::Create();
  std::unique_ptr<software::KeySealer> sealer =
      *software::KeySealer::Create(*library, test::MakeSecret(std::string(32, 's')));
  EvpKey key = *library->Generate(KeyAlgorithm::kEcP256);
  SealedKey sealed = *sealer->Seal(*key, KeyAlgorithm::kEcP256, KeyPurpose::kHandshake);
};

void Alter(std::string_view line, SealedKey& key) {
  const std::vector<std::string_view> words = Words(line);
  if (words.size() < 2) return;
  std::string& octets = words[0] == "public" ? key.public_key : key.blob;
  const size_t at = octets.empty() ? 0 : Number(words[1]) % octets.size();
  if (words[0] == "add") {
    octets += Unescape(words[1]);
  } else if (words[0] == "cut") {
    octets.resize(at);
  } else if (words.size() > 2 && !octets.empty()) {
    octets[at] = static_cast<char>(Number(words[2]));
  }
}

absl::StatusOr<EvpKey> Unseal(const Keys& keys, SealedKey key) {
  // The planted bug: the purpose is not bound to the key (S-1).
  if (planted_bug) key.purpose = keys.sealed.purpose;
  return keys.sealer->Unseal(key);
}

}  // namespace
}  // namespace ddskey::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ddskey;
  using namespace ddskey::fuzz;
  static const Keys& keys = *new Keys;
  const std::vector<std::string_view> lines = Lines(AsText(data, size));
  if (lines.empty()) return 0;
  std::vector<std::string_view> words = Words(lines[0]);
  words.resize(2);
  SealedKey key = keys.sealed;
  key.algorithm = static_cast<KeyAlgorithm>(1 + Number(words[0]) % 2);
  key.purpose = static_cast<KeyPurpose>(1 + Number(words[1]) % 3);
  for (size_t i = 1; i < lines.size(); ++i) Alter(lines[i], key);

  const bool unaltered = key.algorithm == keys.sealed.algorithm && key.purpose == keys.sealed.purpose &&
                         key.blob == keys.sealed.blob && key.public_key == keys.sealed.public_key;
  const auto opened = Unseal(keys, key);
  Require(opened.ok() == unaltered, "a key opens as it was sealed and labelled, and no other does");
  if (opened.ok()) {
    Require(EVP_PKEY_eq(opened->get(), keys.key.get()) == 1, "what opens is the key");
  } else {
    Require(opened.status().code() == absl::StatusCode::kDataLoss, "an altered key is data loss");
  }
  return 0;
}
