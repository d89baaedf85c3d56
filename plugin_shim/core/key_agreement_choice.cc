#include "plugin_shim/core/key_agreement_choice.h"

#include <algorithm>
#include <string>

namespace ddskey {
namespace {

struct Value {
  std::string_view text;
  v1::KeyAgreementChoice choice;
};

constexpr Value kValues[] = {
    {"AUTO", v1::KEY_AGREEMENT_CHOICE_UNSPECIFIED},
    {"ECDH", v1::KEY_AGREEMENT_CHOICE_ECDH},
    {"DH", v1::KEY_AGREEMENT_CHOICE_DH},
    {"ECDH-ONLY", v1::KEY_AGREEMENT_CHOICE_ECDH_ONLY},
    {"DH-ONLY", v1::KEY_AGREEMENT_CHOICE_DH_ONLY},
    // DDS Security 1.1, 9.3.2.3.2.
    {"ECDH+PRIME256V1-CEUM", v1::KEY_AGREEMENT_CHOICE_ECDH},
    {"DH+MODP-2048-256", v1::KEY_AGREEMENT_CHOICE_DH},
    // DDS Security 1.2.
    {"ECDHE-CEUM+P256", v1::KEY_AGREEMENT_CHOICE_ECDH},
    {"DHE+MODP-2048-256", v1::KEY_AGREEMENT_CHOICE_DH},
};

}  // namespace

std::optional<v1::KeyAgreementChoice> ParseKeyAgreement(std::string_view value) {
  std::string capitals(value);
  std::ranges::transform(capitals, capitals.begin(),
                         [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
  const auto* const found = std::ranges::find(kValues, std::string_view(capitals), &Value::text);
  if (found == std::end(kValues)) return std::nullopt;
  return found->choice;
}

}  // namespace ddskey
