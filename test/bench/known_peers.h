#ifndef TEST_BENCH_KNOWN_PEERS_H_
#define TEST_BENCH_KNOWN_PEERS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "daemon/handshake/handshake_token.h"
#include "ddskey/v1/authentication.pb.h"
#include "proto/contract/guid.h"
#include "test/support/pki.h"

namespace ddskey::bench {

// KnownPeer is a participant elsewhere with a certificate of its own, and the Request that it sent.
struct KnownPeer {
  Guid guid = {};
  std::string subject_der;
  HandshakeToken request;
  // The same, as it travels to the daemon.
  v1::DataHolder message;
};

// MakePeers makes peers in `domain` that `ca` certified, with permissions documents of the usual size.
std::vector<KnownPeer> MakePeers(const test::TestCa& ca, uint32_t domain, size_t count);

// SignedPermissions is a permissions document as participants exchange it.
std::string SignedPermissions(const test::TestCa& ca);

}  // namespace ddskey::bench

#endif  // TEST_BENCH_KNOWN_PEERS_H_
