#include "plugin_shim/pkcs11/sign_operation.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace ddskey {
namespace {

constexpr size_t kSha256Size = 32;
constexpr size_t kSha384Size = 48;
// A DigestInfo (RFC 8017, 9.2) of SHA-384.
constexpr size_t kLongestData = 67;
constexpr std::string_view kSha256Info("\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20",
                                       19);
constexpr std::string_view kSha384Info("\x30\x41\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02\x05\x00\x04\x30",
                                       19);

// PssDigestSize reads the parameters of PSS: hash and MGF1 the same, the salt as long as the digest; 0 for others.
size_t PssDigestSize(const CK_MECHANISM& mechanism) {
  CK_RSA_PKCS_PSS_PARAMS parameters;
  if (mechanism.pParameter == nullptr || mechanism.ulParameterLen != sizeof(parameters)) return 0;
  std::memcpy(&parameters, mechanism.pParameter, sizeof(parameters));
  if (parameters.hash_alg == CKM_SHA256 && parameters.mgf == CKG_MGF1_SHA256 && parameters.s_len == kSha256Size) {
    return kSha256Size;
  }
  if (parameters.hash_alg == CKM_SHA384 && parameters.mgf == CKG_MGF1_SHA384 && parameters.s_len == kSha384Size) {
    return kSha384Size;
  }
  return 0;
}

size_t SizeOf(Hash hash) { return hash == Hash::kSha384 ? kSha384Size : kSha256Size; }

}  // namespace

SignOperation::SignOperation(const Mechanism& mechanism, std::shared_ptr<const SigningIdentity> signer,
                             size_t digest_size)
    : scheme_(mechanism.scheme), signer_(std::move(signer)), digest_size_(digest_size) {
  if (mechanism.hash != Hash::kNone) hash_.emplace(mechanism.hash);
}

CK_RV SignOperation::Begin(const CK_MECHANISM& mechanism, std::shared_ptr<const SigningIdentity> signer,
                           std::optional<SignOperation>& operation) {
  const Mechanism* const known = FindMechanism(mechanism.mechanism);
  if (known == nullptr) return CKR_MECHANISM_INVALID;
  const auto& schemes = signer->schemes;
  const bool is_rsa = known->scheme != v1::ECDSA;
  const bool key_is_rsa = std::find(schemes.begin(), schemes.end(), v1::ECDSA) == schemes.end();
  if (is_rsa != key_is_rsa) return CKR_KEY_TYPE_INCONSISTENT;
  if (std::find(schemes.begin(), schemes.end(), known->scheme) == schemes.end()) return CKR_KEY_FUNCTION_NOT_PERMITTED;
  size_t digest_size = 0;
  if (known->scheme == v1::RSASSA_PSS) {
    digest_size = PssDigestSize(mechanism);
    if (digest_size == 0 || (known->hash != Hash::kNone && digest_size != SizeOf(known->hash))) {
      return CKR_MECHANISM_PARAM_INVALID;
    }
  } else if (mechanism.ulParameterLen != 0) {
    return CKR_MECHANISM_PARAM_INVALID;
  }
  operation = SignOperation(*known, std::move(signer), digest_size);
  return CKR_OK;
}

CK_RV SignOperation::Update(std::string_view data) {
  if (hash_) {
    hash_->Update(data);
    return CKR_OK;
  }
  if (data.size() > kLongestData - data_.size()) return CKR_DATA_LEN_RANGE;
  data_ += data;
  return CKR_OK;
}

CK_RV SignOperation::Finish(v1::SignDigestRequest& request) {
  std::string digest;
  if (hash_) {
    digest = hash_->Finish();
  } else if (scheme_ == v1::RSASSA_PKCS1) {
    const bool is_sha256 = data_.starts_with(kSha256Info) && data_.size() == kSha256Info.size() + kSha256Size;
    const bool is_sha384 = data_.starts_with(kSha384Info) && data_.size() == kSha384Info.size() + kSha384Size;
    if (!is_sha256 && !is_sha384) return CKR_DATA_INVALID;
    digest = data_.substr(kSha256Info.size());
  } else {
    const bool fits =
        digest_size_ == 0 ? data_.size() == kSha256Size || data_.size() == kSha384Size : data_.size() == digest_size_;
    if (!fits) return CKR_DATA_LEN_RANGE;
    digest = data_;
  }
  request.set_key_name(signer_->name);
  request.set_public_key_sha256(signer_->public_key_sha256);
  request.set_scheme(scheme_);
  request.set_digest(digest);
  return CKR_OK;
}

}  // namespace ddskey
