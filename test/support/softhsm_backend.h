#ifndef TEST_SUPPORT_SOFTHSM_BACKEND_H_
#define TEST_SUPPORT_SOFTHSM_BACKEND_H_

#include <sys/types.h>

#include <string>
#include <vector>

#include "test/support/softhsm.h"

namespace ddskey::test {

// kHelperUser is whom a test's PKCS#11 helpers run as, where the test is root.
inline constexpr char kHelperUser[] = "nobody";

// HelperProgram is the helper in a test's runfiles.
std::string HelperProgram();

// SoftHsmBackend is a backend named `name` for the token `label` of `hsm`, for the configuration of a TestDaemon, with
// `more` fields of Pkcs11Backend in text format.
std::string SoftHsmBackend(const SoftHsm& hsm, const std::string& name, const std::string& label,
                           const std::string& more = "");

// HelpersOf are the processes of PKCS#11 helpers that the process `daemon` has started.
std::vector<pid_t> HelpersOf(pid_t daemon);

}  // namespace ddskey::test

#endif  // TEST_SUPPORT_SOFTHSM_BACKEND_H_
