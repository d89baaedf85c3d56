#include "daemon/rpc/limits.h"

namespace ddskey {
namespace {

uint32_t Either(uint32_t configured, uint32_t otherwise) { return configured != 0 ? configured : otherwise; }

}  // namespace

Limits LimitsFrom(const v1::Limits& configured) {
  const Limits defaults;
  return {.connections = Either(configured.connections(), defaults.connections),
          .connections_per_uid = Either(configured.connections_per_uid(), defaults.connections_per_uid),
          .connections_per_process = Either(configured.connections_per_process(), defaults.connections_per_process),
          .calls_per_uid = Either(configured.calls_per_uid(), defaults.calls_per_uid),
          .calls_per_process = Either(configured.calls_per_process(), defaults.calls_per_process),
          .handshakes_per_second = Either(configured.handshakes_per_second(), defaults.handshakes_per_second),
          .handshake_burst = Either(configured.handshake_burst(), defaults.handshake_burst)};
}

}  // namespace ddskey
