#include "daemon/backend/pkcs11/helper/key_making.h"

#include <array>
#include <deque>
#include <vector>

#include "daemon/backend/pkcs11/helper/ckr.h"
#include "daemon/backend/pkcs11/helper/key_objects.h"
#include "proto/contract/status_macros.h"

namespace ddskey::pkcs11 {
namespace {

constexpr char kMaking[] = "making a key in the token";

// How much of what a key should not be is said: some tokens refuse attributes that they do not know, or that say what
// is so in any case.
enum class Wordiness { kAll, kUses, kNeeded };

// Template is a list of attributes that owns their values.
class Template {
 public:
  void Add(CK_ATTRIBUTE_TYPE type, std::string value) {
    values_.push_back(std::move(value));
    attributes_.push_back({type, values_.back().data(), values_.back().size()});
  }
  void Add(CK_ATTRIBUTE_TYPE type, bool value) {
    Add(type, std::string(1, static_cast<char>(value ? CK_TRUE : CK_FALSE)));
  }
  void Add(CK_ATTRIBUTE_TYPE type, CK_ULONG value) {
    Add(type, std::string(reinterpret_cast<const char*>(&value), sizeof(value)));
  }
  std::vector<CK_ATTRIBUTE>& attributes() { return attributes_; }

 private:
  std::deque<std::string> values_;
  std::vector<CK_ATTRIBUTE> attributes_;
};

std::string MechanismsOf(KeyAlgorithm algorithm) {
  const std::vector<CK_MECHANISM_TYPE> mechanisms = IsRsa(algorithm)
                                                        ? std::vector<CK_MECHANISM_TYPE>{CKM_RSA_PKCS_PSS, CKM_RSA_PKCS}
                                                        : std::vector<CK_MECHANISM_TYPE>{CKM_ECDSA};
  return {reinterpret_cast<const char*>(mechanisms.data()), mechanisms.size() * sizeof(mechanisms.front())};
}

Template PublicTemplate(KeyAlgorithm algorithm, const std::string& id, const std::string& label, Wordiness words) {
  Template wanted;
  wanted.Add(CKA_TOKEN, true);
  wanted.Add(CKA_VERIFY, true);
  wanted.Add(CKA_ID, id);
  wanted.Add(CKA_LABEL, label);
  if (IsRsa(algorithm)) {
    wanted.Add(CKA_MODULUS_BITS, static_cast<CK_ULONG>(KeyBits(algorithm)));
    wanted.Add(CKA_PUBLIC_EXPONENT, std::string("\x01\x00\x01", 3));
  } else {
    wanted.Add(CKA_EC_PARAMS, algorithm == KeyAlgorithm::kEcP256
                                  ? std::string("\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07", 10)
                                  : std::string("\x06\x05\x2b\x81\x04\x00\x22", 7));
  }
  if (words == Wordiness::kNeeded) return wanted;
  wanted.Add(CKA_PRIVATE, false);
  wanted.Add(CKA_ENCRYPT, false);
  wanted.Add(CKA_WRAP, false);
  return wanted;
}

Template PrivateTemplate(KeyAlgorithm algorithm, const std::string& id, const std::string& label, Wordiness words) {
  Template wanted;
  wanted.Add(CKA_TOKEN, true);
  wanted.Add(CKA_PRIVATE, true);
  wanted.Add(CKA_SENSITIVE, true);
  wanted.Add(CKA_EXTRACTABLE, false);
  wanted.Add(CKA_SIGN, true);
  wanted.Add(CKA_ID, id);
  wanted.Add(CKA_LABEL, label);
  if (words == Wordiness::kNeeded) return wanted;
  wanted.Add(CKA_DECRYPT, false);
  wanted.Add(CKA_UNWRAP, false);
  wanted.Add(CKA_DERIVE, false);
  if (words == Wordiness::kUses) return wanted;
  wanted.Add(CKA_SIGN_RECOVER, false);
  wanted.Add(CKA_MODIFIABLE, false);
  wanted.Add(CKA_ALLOWED_MECHANISMS, MechanismsOf(algorithm));
  return wanted;
}

absl::Status CheckMade(const ObjectView& view, const MadePair& pair) {
  ASSIGN_OR_RETURN(const bool unreadable, IsUnreadable(view, pair.private_key));
  if (unreadable) return absl::OkStatus();
  return absl::FailedPreconditionError(
      "the token made a private key that can be read, although it was told otherwise; it was removed");
}

}  // namespace

absl::StatusOr<MadePair> MakePair(const CK_FUNCTION_LIST& functions, CK_SESSION_HANDLE session, KeyAlgorithm algorithm,
                                  const std::string& id, const std::string& label) {
  CK_MECHANISM mechanism = {IsRsa(algorithm) ? CKM_RSA_PKCS_KEY_PAIR_GEN : CKM_EC_KEY_PAIR_GEN, nullptr, 0};
  MadePair pair;
  CK_RV value = CKR_OK;
  for (const Wordiness words : {Wordiness::kAll, Wordiness::kUses, Wordiness::kNeeded}) {
    Template for_public = PublicTemplate(algorithm, id, label, words);
    Template for_private = PrivateTemplate(algorithm, id, label, words);
    value = functions.C_GenerateKeyPair(session, &mechanism, for_public.attributes().data(),
                                        for_public.attributes().size(), for_private.attributes().data(),
                                        for_private.attributes().size(), &pair.public_key, &pair.private_key);
    if (!MeansTemplate(value)) break;
  }
  RETURN_IF_ERROR(FromCkr(value, kMaking));
  const ObjectView view(functions, session);
  if (const absl::Status made = CheckMade(view, pair); !made.ok()) {
    view.Destroy(pair.private_key).IgnoreError();
    view.Destroy(pair.public_key).IgnoreError();
    return made;
  }
  return pair;
}

}  // namespace ddskey::pkcs11
