#ifndef CLIENT_DOCTOR_DEVICE_CHECK_H_
#define CLIENT_DOCTOR_DEVICE_CHECK_H_

#include "client/doctor/finding.h"
#include "client/doctor/host.h"
#include "ddskey/v1/config.pb.h"

namespace ddskey::doctor {

// CheckDevices looks at what the backends of `config` need of the host: the device of a TPM and who may use it, its
// lockout (tpm2-tools are run on nothing but a device of a TPM), whether the storage root is told or trusted on first
// use, the module or the helper of a token. How a backend is, the daemon says (CheckStatus).
void CheckDevices(const Host& host, const v1::Config& config, Findings& findings);

}  // namespace ddskey::doctor

#endif  // CLIENT_DOCTOR_DEVICE_CHECK_H_
