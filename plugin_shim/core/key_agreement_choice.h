#ifndef PLUGIN_SHIM_CORE_KEY_AGREEMENT_CHOICE_H_
#define PLUGIN_SHIM_CORE_KEY_AGREEMENT_CHOICE_H_

#include <optional>
#include <string_view>

#include "ddskey/v1/authentication.pb.h"

namespace ddskey {

// kKeyAgreementValues lists the values of ours, for messages.
inline constexpr char kKeyAgreementValues[] = "AUTO, ECDH, DH, ECDH-ONLY, DH-ONLY";

// ParseKeyAgreement reads the value of a property that chooses how secrets are agreed on, in small or capital letters:
// AUTO (ECDH is proposed, and what a peer proposes is taken); ECDH or DH, which is proposed; ECDH-ONLY or DH-ONLY,
// which nothing else is taken for either. The names that DDS Security 1.1 and 1.2 have for ECDH and DH will do. Nothing
// for anything else.
std::optional<v1::KeyAgreementChoice> ParseKeyAgreement(std::string_view value);

}  // namespace ddskey

#endif  // PLUGIN_SHIM_CORE_KEY_AGREEMENT_CHOICE_H_
