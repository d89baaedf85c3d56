#ifndef DAEMON_BACKEND_TPM2_MESSAGE_BUS_H_
#define DAEMON_BACKEND_TPM2_MESSAGE_BUS_H_

#include <string_view>

#include "absl/status/status.h"

namespace ddskey::tpm {

// PrepareMessageBus makes the D-Bus connection that tpm2-abrmd's TCTI is going to use one that is alive, for a TCTI
// with this `configuration`. The TCTI takes GLib's shared connection, which GLib gives up only in a main loop: in a
// process without one, as ours, a connection that was lost with its bus would be handed out for ever. UNAVAILABLE if
// the bus is not there. It blocks for as long as the bus lets it wait.
absl::Status PrepareMessageBus(std::string_view configuration);

}  // namespace ddskey::tpm

#endif  // DAEMON_BACKEND_TPM2_MESSAGE_BUS_H_
