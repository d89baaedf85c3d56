#ifndef CLIENT_DOCTOR_MACHINE_CHECK_H_
#define CLIENT_DOCTOR_MACHINE_CHECK_H_

#include "client/doctor/finding.h"
#include "client/doctor/host.h"
#include "ddskey/v1/config.pb.h"

namespace ddskey::doctor {

// CheckSockets looks at the sockets of `config`: that they are there, whose they are, and who may connect.
void CheckSockets(const Host& host, const v1::Config& config, Findings& findings);

// CheckState looks at the folder of the keystore: whose it is, who may read it, and how much room there is.
void CheckState(const Host& host, const v1::Config& config, Findings& findings);

// CheckMachine looks at what the machine gives every program: a clock that is kept right, and random numbers.
void CheckMachine(const Host& host, Findings& findings);

}  // namespace ddskey::doctor

#endif  // CLIENT_DOCTOR_MACHINE_CHECK_H_
