#ifndef CLIENT_DOCTOR_CONFIGURATION_H_
#define CLIENT_DOCTOR_CONFIGURATION_H_

#include <string>

#include "client/doctor/finding.h"
#include "client/doctor/host.h"
#include "ddskey/v1/config.pb.h"

namespace ddskey::doctor {

// ReadConfiguration looks at the daemon's configuration file `path` and returns what it says, with the daemon's default
// for every path, backend and mode that it does not name. `daemon` is the daemon's program, which is asked for mistakes
// (`ddskeyd --check`) if it is there: it knows more than syntax.
// A file that others than root can write is reported, and nothing that it says is returned.
v1::Config ReadConfiguration(const Host& host, const std::string& path, const std::string& daemon, Findings& findings);

}  // namespace ddskey::doctor

#endif  // CLIENT_DOCTOR_CONFIGURATION_H_
