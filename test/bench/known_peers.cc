#include "test/bench/known_peers.h"

#include <openssl/pem.h>
#include <openssl/x509.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/handshake/handshake.h"
#include "daemon/handshake/participant_data.h"
#include "test/support/pki_cyclone.h"

namespace ddskey::bench {
namespace {

std::string SubjectDer(const std::string& pem) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())),
                                                      BIO_free);
  const std::unique_ptr<X509, decltype(&X509_free)> certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr),
                                                                X509_free);
  unsigned char* der = nullptr;
  const int size = i2d_X509_NAME(X509_get_subject_name(certificate.get()), &der);
  std::string subject(reinterpret_cast<char*>(der), static_cast<size_t>(size));
  OPENSSL_free(der);
  return subject;
}

// ParticipantDataOf is PL_CDR, big-endian: PID_DOMAIN_ID, PID_PARTICIPANT_GUID, PID_SENTINEL.
std::string ParticipantDataOf(const Guid& guid, uint32_t domain) {
  return absl::StrCat(std::string("\0\2\0\0\0\x0f\0\4\0\0\0", 11), std::string(1, static_cast<char>(domain)),
                      std::string("\0\x50\0\x10", 4), GuidOctets(guid), std::string("\0\1\0\0", 4));
}

KnownPeer MakePeer(const test::TestCa& ca, uint32_t domain, size_t number, const std::string& permissions) {
  const std::string certificate = ca.Issue(test::TestKey::Generate().public_key(),
                                           {.subject = {{"O", "Lab"}, {"CN", absl::StrCat("peer", number)}}});
  KnownPeer peer;
  peer.subject_der = SubjectDer(certificate);
  peer.guid = AdjustedGuid(peer.subject_der, Guid{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0, 0, 1, 0xc1});
  const LocalParticipant local = {.key_uuid = "peer",
                                  .algorithm = KeyAlgorithm::kEcP256,
                                  .certificate = certificate,
                                  .guid = peer.guid,
                                  .domain_id = domain};
  const LocalOffer offer = {.remote_guid = {},
                            .challenge = absl::StrCat(std::string(24, 'c'), 10000000 + number),
                            .participant_data = ParticipantDataOf(peer.guid, domain),
                            .permissions = permissions,
                            .remote_future_challenge = ""};
  auto step = BeginRequest(local, offer);
  if (!step.ok()) {
    std::fprintf(stderr, "bench: no Request: %s\n", step.status().ToString().c_str());
    std::exit(EXIT_FAILURE);
  }
  peer.request = std::move(step->token);
  peer.message.set_class_id(peer.request.class_id);
  for (const BinaryProperty& property : peer.request.binary_properties) {
    v1::BinaryProperty& out = *peer.message.add_binary_properties();
    out.set_name(property.name);
    out.set_value(property.value);
  }
  return peer;
}

}  // namespace

std::string SignedPermissions(const test::TestCa& ca) {
  return ca.SignDocument(test::PermissionsDocument("CN=someone,O=Lab"));
}

std::vector<KnownPeer> MakePeers(const test::TestCa& ca, uint32_t domain, size_t count) {
  const std::string permissions = SignedPermissions(ca);
  std::vector<KnownPeer> peers;
  for (size_t i = 0; i < count; ++i) peers.push_back(MakePeer(ca, domain, i, permissions));
  return peers;
}

}  // namespace ddskey::bench
