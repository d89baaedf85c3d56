#ifndef CLIENT_DOCTOR_SHIM_CHECK_H_
#define CLIENT_DOCTOR_SHIM_CHECK_H_

#include <string>

#include "client/doctor/finding.h"
#include "client/doctor/host.h"

namespace ddskey::doctor {

// LibraryFolder is where this machine's packages put libraries: /usr/lib/x86_64-linux-gnu.
std::string LibraryFolder();

// CheckShim looks whether an application of Cyclone DDS would find our plugin in `folder`, and could load it with all
// that it needs; whether every application does; and whether programs that know tokens find our PKCS#11 module.
void CheckShim(const Host& host, const std::string& folder, Findings& findings);

}  // namespace ddskey::doctor

#endif  // CLIENT_DOCTOR_SHIM_CHECK_H_
