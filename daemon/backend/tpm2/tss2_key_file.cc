#include "daemon/backend/tpm2/tss2_key_file.h"

#include <tss2/tss2_mu.h>

#include <array>
#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "daemon/backend/tpm2/tss_status.h"
#include "proto/contract/algorithm.h"
#include "proto/contract/status_macros.h"

namespace ddskey::tpm {
namespace {

constexpr size_t kLargest = 4096;
// 2.23.133.10.1.3, id-loadablekey.
constexpr std::string_view kLoadableKey("\x67\x81\x05\x0a\x01\x03", 6);

constexpr uint8_t kBoolean = 0x01;
constexpr uint8_t kInteger = 0x02;
constexpr uint8_t kOctetString = 0x04;
constexpr uint8_t kObject = 0x06;
constexpr uint8_t kSequence = 0x30;
constexpr uint8_t kEmptyAuth = 0xa0;
// [1] policy to [4] description, of which none is taken, and [5] rsaParent, which says nothing that `parent` does not.
constexpr uint8_t kLastOption = 0xa5;

absl::Status Wrong(const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat("the TSS2 key file ", what));
}

const uint8_t* Octets(std::string_view text) { return reinterpret_cast<const uint8_t*>(text.data()); }

// Take reads a DER element of type `tag` and takes it from the front of `der`; nothing if there is another, or one
// whose length is not written in the shortest form.
std::optional<std::string_view> Take(uint8_t tag, std::string_view& der) {
  if (der.size() < 2 || Octets(der)[0] != tag) return std::nullopt;
  size_t size = Octets(der)[1];
  size_t at = 2;
  if (size >= 0x80) {
    const size_t octets = size - 0x80;
    if (octets < 1 || octets > 2 || der.size() < 2 + octets) return std::nullopt;
    size = 0;
    for (; at < 2 + octets; ++at) size = size << 8 | Octets(der)[at];
    if (size < (octets == 1 ? 0x80u : 0x100u)) return std::nullopt;
  }
  if (der.size() - at < size) return std::nullopt;
  const std::string_view content = der.substr(at, size);
  der.remove_prefix(at + size);
  return content;
}

std::string Put(uint8_t tag, std::string_view content) {
  std::string der(1, static_cast<char>(tag));
  const size_t size = content.size();
  if (size >= 0x100) {
    der += {static_cast<char>(0x82), static_cast<char>(size >> 8)};
  } else if (size >= 0x80) {
    der.push_back(static_cast<char>(0x81));
  }
  der.push_back(static_cast<char>(size));
  return der.append(content);
}

std::optional<TPM2_HANDLE> ReadHandle(std::string_view number) {
  // Positive, in the shortest form.
  if (number.empty() || number.size() > 5 || Octets(number)[0] >= 0x80) return std::nullopt;
  if (number.size() > 1 && Octets(number)[0] == 0 && Octets(number)[1] < 0x80) return std::nullopt;
  uint64_t handle = 0;
  for (size_t i = 0; i < number.size(); ++i) handle = handle << 8 | Octets(number)[i];
  if (handle > UINT32_MAX) return std::nullopt;
  return static_cast<TPM2_HANDLE>(handle);
}

std::string HandleNumber(TPM2_HANDLE handle) {
  std::string number(1, '\0');
  for (const int shift : {24, 16, 8, 0}) number.push_back(static_cast<char>(handle >> shift));
  while (number.size() > 1 && number[0] == 0 && Octets(number)[1] < 0x80) number.erase(0, 1);
  return number;
}

template <typename Area, typename Unmarshal>
bool ReadArea(std::string_view octets, Unmarshal unmarshal, Area& area) {
  size_t at = 0;
  return unmarshal(Octets(octets), octets.size(), &at, &area) == TSS2_RC_SUCCESS && at == octets.size();
}

template <typename Area, typename Marshal>
absl::StatusOr<std::string> WriteArea(const Area& area, Marshal marshal) {
  std::array<uint8_t, kLargest> octets;
  size_t size = 0;
  RETURN_IF_ERROR(FromTss(marshal(&area, octets.data(), octets.size(), &size), "writing a TPM key's file"));
  return std::string(reinterpret_cast<char*>(octets.data()), size);
}

bool IsParent(TPM2_HANDLE handle) {
  return handle == TPM2_RH_OWNER || (handle >= TPM2_PERSISTENT_FIRST && handle <= TPM2_PERSISTENT_LAST);
}

// TakeOptions reads what may stand between the type and the parent.
absl::Status TakeOptions(std::string_view& body, Tss2KeyFile& key) {
  if (auto option = Take(kEmptyAuth, body)) {
    const auto value = Take(kBoolean, *option);
    if (!value.has_value() || !option->empty() || value->size() != 1) {
      return Wrong("says in no right form whether its authorisation value is empty");
    }
    // tpm2-openssl writes 0x01 for true, where DER has 0xff.
    key.empty_auth = value->front() != '\0';
  }
  for (uint8_t tag = kEmptyAuth + 1; tag <= kLastOption; ++tag) {
    if (!Take(tag, body).has_value()) continue;
    if (tag != kLastOption)
      return Wrong("is of a key with a policy, or of one to be imported: only loadable keys are taken");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Tss2KeyFile> ParseTss2KeyFile(std::string_view der) {
  if (der.size() > kLargest) return Wrong("is larger than 4 KiB");
  std::string_view rest = der;
  auto body = Take(kSequence, rest);
  if (!body.has_value() || !rest.empty()) return Wrong("is no DER sequence");
  if (Take(kObject, *body) != kLoadableKey) return Wrong("is not of a loadable key");
  Tss2KeyFile key;
  RETURN_IF_ERROR(TakeOptions(*body, key));
  const auto number = Take(kInteger, *body);
  const auto parent = number.has_value() ? ReadHandle(*number) : std::nullopt;
  if (!parent.has_value() || !IsParent(*parent)) {
    return Wrong("names as its parent neither the owner hierarchy nor a persistent key");
  }
  key.parent = *parent;
  const auto public_area = Take(kOctetString, *body);
  const auto private_area = Take(kOctetString, *body);
  if (!public_area.has_value() || !private_area.has_value() || !body->empty() ||
      !ReadArea(*public_area, Tss2_MU_TPM2B_PUBLIC_Unmarshal, key.public_area) ||
      !ReadArea(*private_area, Tss2_MU_TPM2B_PRIVATE_Unmarshal, key.private_area)) {
    return Wrong("holds no public and private area of a TPM");
  }
  // Unmarshalling forgives sizes that contradict what they count.
  const auto public_again = WriteArea(key.public_area, Tss2_MU_TPM2B_PUBLIC_Marshal);
  const auto private_again = WriteArea(key.private_area, Tss2_MU_TPM2B_PRIVATE_Marshal);
  if (!public_again.ok() || *public_again != *public_area || !private_again.ok() || *private_again != *private_area) {
    return Wrong("holds no public and private area of a TPM");
  }
  return key;
}

absl::StatusOr<std::string> FormatTss2KeyFile(const Tss2KeyFile& key) {
  ASSIGN_OR_RETURN(const std::string public_area, WriteArea(key.public_area, Tss2_MU_TPM2B_PUBLIC_Marshal));
  ASSIGN_OR_RETURN(const std::string private_area, WriteArea(key.private_area, Tss2_MU_TPM2B_PRIVATE_Marshal));
  std::string body = Put(kObject, kLoadableKey);
  // Also if it is false: tpm2-openssl takes absence for true.
  body += Put(kEmptyAuth, Put(kBoolean, key.empty_auth ? std::string_view("\xff", 1) : std::string_view("\0", 1)));
  body += Put(kInteger, HandleNumber(key.parent)) + Put(kOctetString, public_area) + Put(kOctetString, private_area);
  return Put(kSequence, body);
}

absl::Status CheckTss2PublicArea(const TPM2B_PUBLIC& key) {
  const TPMT_PUBLIC& area = key.publicArea;
  const auto has = [&area](TPMA_OBJECT attribute) { return (area.objectAttributes & attribute) != 0; };
  if (area.nameAlg != TPM2_ALG_SHA256) return Wrong("is of a key whose name is not of SHA-256");
  if (!has(TPMA_OBJECT_SIGN_ENCRYPT)) return Wrong("is of a key that does not sign");
  if (has(TPMA_OBJECT_RESTRICTED)) return Wrong("is of a restricted key, which signs nothing from outside of its TPM");
  if (!has(TPMA_OBJECT_FIXEDTPM) || !has(TPMA_OBJECT_FIXEDPARENT)) return Wrong("is of a key that may leave its TPM");
  if (!has(TPMA_OBJECT_SENSITIVEDATAORIGIN)) return Wrong("is of a key that was not made in its TPM");
  if (!has(TPMA_OBJECT_USERWITHAUTH)) return Wrong("is of a key that needs a policy");
  // A digest there may be the purpose of a key of ours (templates.h), which nothing else may stand for (S-1).
  if (area.authPolicy.size != 0) return Wrong("is of a key with a policy, which is not one that is known here");
  const bool any_scheme = area.type == TPM2_ALG_ECC   ? area.parameters.eccDetail.scheme.scheme == TPM2_ALG_NULL
                          : area.type == TPM2_ALG_RSA ? area.parameters.rsaDetail.scheme.scheme == TPM2_ALG_NULL
                                                      : false;
  if (!any_scheme) return Wrong("is of a key that is bound to one signature scheme, or of no RSA or EC key");
  if (!AlgorithmOf(key).has_value()) return Wrong(absl::StrCat("is of another algorithm than ", kAlgorithmNames));
  return absl::OkStatus();
}

bool FeedsLockout(const TPM2B_PUBLIC& key) { return (key.publicArea.objectAttributes & TPMA_OBJECT_NODA) == 0; }

std::optional<KeyAlgorithm> AlgorithmOf(const TPM2B_PUBLIC& key) {
  const TPMT_PUBLIC& area = key.publicArea;
  if (area.type == TPM2_ALG_ECC && area.parameters.eccDetail.curveID == TPM2_ECC_NIST_P256)
    return KeyAlgorithm::kEcP256;
  if (area.type == TPM2_ALG_ECC && area.parameters.eccDetail.curveID == TPM2_ECC_NIST_P384)
    return KeyAlgorithm::kEcP384;
  // The exponent is 65537, or 0 for that.
  if (area.type != TPM2_ALG_RSA ||
      (area.parameters.rsaDetail.exponent != 0 && area.parameters.rsaDetail.exponent != 65537)) {
    return std::nullopt;
  }
  if (area.parameters.rsaDetail.keyBits == 2048) return KeyAlgorithm::kRsa2048;
  if (area.parameters.rsaDetail.keyBits == 3072) return KeyAlgorithm::kRsa3072;
  return std::nullopt;
}

}  // namespace ddskey::tpm
