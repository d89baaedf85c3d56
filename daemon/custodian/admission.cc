#include "daemon/custodian/admission.h"

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "daemon/custodian/identity_life.h"
#include "daemon/custodian/use_identity.h"
#include "daemon/handshake/digest.h"
#include "daemon/handshake/field_codec.h"
#include "daemon/handshake/participant_data.h"
#include "proto/contract/status_macros.h"

namespace ddskey {
namespace {

// NeedsCertificate says in which state a key of the caller's own is, and what to do.
absl::Status NeedsCertificate(const std::string& key_name, std::string_view problem) {
  return absl::FailedPreconditionError(absl::StrCat("the key \"", key_name, "\" ", std::string(problem),
                                                    "; install a certificate with: ddskeyctl cert install ", key_name));
}

std::string HexPrefix(const std::string& digest) { return absl::BytesToHexString(digest.substr(0, 8)); }

}  // namespace

absl::Time GoodUntil(const std::string& pem, const Certificate& leaf, const TrustStore& trust, absl::Time now) {
  absl::Time until = leaf.not_after();
  const auto narrow = [&until, now](absl::Time moment) {
    if (moment > now) until = std::min(until, moment);
  };
  const std::vector<absl::Time>& moments = trust.moments();
  if (const auto next = std::ranges::upper_bound(moments, now); next != moments.end()) narrow(*next);
  // Most documents are the leaf alone.
  constexpr std::string_view kBegin = "-----BEGIN CERTIFICATE";
  if (pem.find(kBegin) == pem.rfind(kBegin)) return until;
  const auto chain = Certificate::ParsePem(pem);
  for (size_t i = 1; chain.ok() && i < chain->size(); ++i) narrow((*chain)[i].not_after());
  return until;
}

std::string EncodeProof(const PeerProof& proof) {
  FieldWriter writer;
  writer.Put(proof.certificate);
  writer.Put(proof.ocsp_response);
  writer.PutNumber(static_cast<uint64_t>(absl::ToUnixSeconds(proof.shown)));
  return writer.Take();
}

std::optional<PeerProof> DecodeProof(std::string_view body) {
  FieldReader reader(body);
  PeerProof proof;
  proof.certificate = reader.Get();
  proof.ocsp_response = reader.Get();
  proof.shown = absl::FromUnixSeconds(static_cast<int64_t>(reader.GetNumber()));
  if (!reader.Done() || proof.certificate.empty()) return std::nullopt;
  return proof;
}

absl::StatusOr<std::shared_ptr<const Identity>> Admission::Permitted(const Subject& caller, const std::string& key_name,
                                                                     Trail& trail) const {
  return FindPermitted(parts_.authorizer, parts_.keys, caller, Action::kHandshake, key_name, KeyPurpose::kHandshake,
                       trail);
}

absl::Status Admission::UseTrust(const Subject& caller, const LocalIdentityRequest& request,
                                 const std::shared_ptr<const Identity>& identity, Participant& participant,
                                 Trail& trail) const {
  if (identity->trust.anchors.empty()) {
    const Decision decision = parts_.authorizer.policy()->Evaluate(caller, Action::kOwnTrust, request.key_name);
    if (!decision.allowed || request.anchors.empty()) {
      trail.Reason(decision.allowed ? "the caller brought no trust anchors" : decision.reason);
      return absl::FailedPreconditionError(absl::StrCat(
          "the key \"", request.key_name,
          "\" has no trust anchors, and policy does not let this process bring its own; ",
          "install them with: ddskeyctl cert install ", request.key_name, " --certificate FILE --ca FILE"));
    }
    participant.own_trust = true;
    participant.anchors = request.anchors;
    participant.revocation_lists = request.revocation_lists;
    return absl::OkStatus();
  }
  if (!request.revocation_lists.empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat("the key \"", request.key_name,
                     "\" has trust anchors of its own, so revocation lists of the "
                     "participant's QoS are not taken; remove the property, and install the lists "
                     "with: ddskeyctl crl install ",
                     request.key_name));
  }
  if (request.anchors.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const auto installed, trust_.Of(identity));
  ASSIGN_OR_RETURN(const auto asked, trust_.Get(request.anchors, {}));
  for (const Certificate& anchor : asked->anchors()) {
    const auto known = std::ranges::find(installed->anchors(), anchor.digest(), &Certificate::digest);
    if (known != installed->anchors().end()) continue;
    return absl::FailedPreconditionError(absl::StrCat("the identity CA of the participant's QoS (", anchor.subject(),
                                                      ", SHA-256 ", HexPrefix(anchor.digest()),
                                                      "...) is not the one installed for the key \"", request.key_name,
                                                      "\" (", installed->anchors().front().subject(), ", SHA-256 ",
                                                      HexPrefix(installed->anchors().front().digest()), "...)"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<const Certificate>> Admission::ValidateOwn(const Subject& caller,
                                                                          const std::string& key_name,
                                                                          const Identity& identity,
                                                                          const KeyGeneration& generation,
                                                                          const TrustStore& trust, Trail& trail) const {
  // Not the certificate's fault: the caller waits, and goes on when the clock is set (S-17).
  if (parts_.check_clock) RETURN_IF_ERROR(parts_.check_clock());
  auto own = parts_.validator.Validate(generation.certificate_chain, trust, parts_.clock(), caller.uid,
                                       identity.trust.ocsp_response);
  if (own.ok()) NoteWarnings(key_name, **own, trail);
  if (own.ok() || absl::IsInternal(own.status())) return own;
  return NeedsCertificate(key_name, absl::StrCat("has a certificate that is not good now: ", own.status().message()));
}

void Admission::NoteWarnings(const std::string& key_name, const ValidCertificate& certificate, Trail& trail) const {
  for (const std::string& warning : certificate.warnings()) {
    if (warnings_.IsNew(key_name, certificate.digest(), warning, parts_.clock())) trail.Warning(warning);
  }
}

absl::StatusOr<LocalIdentity> Admission::Validate(const Subject& caller, const LocalIdentityRequest& request,
                                                  Trail& trail) const {
  ASSIGN_OR_RETURN(const auto identity, Permitted(caller, request.key_name, trail));
  const KeyGeneration& generation = identity->current();
  if (generation.certificate_chain.empty()) return NeedsCertificate(request.key_name, "has no certificate yet");
  Participant participant;
  participant.key_name = request.key_name;
  participant.identity_uuid = identity->uuid;
  participant.generation_uuid = generation.uuid;
  participant.domain_id = request.domain_id;
  participant.key_agreement = request.key_agreement;
  RETURN_IF_ERROR(UseTrust(caller, request, identity, participant, trail));
  ASSIGN_OR_RETURN(const auto trust, participant.own_trust
                                         ? trust_.Get(participant.anchors, participant.revocation_lists)
                                         : trust_.Of(identity));
  ASSIGN_OR_RETURN(const auto own, ValidateOwn(caller, request.key_name, *identity, generation, *trust, trail));
  const Certificate& certificate = *own;
  // Access control reads the subject in the certificate of the QoS, which may be older than the installed one.
  ASSIGN_OR_RETURN(const std::vector<Certificate> from_qos, Certificate::ParsePem(request.certificate));
  if (from_qos.front().subject_der() != certificate.subject_der()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the identity certificate of the participant's QoS (", from_qos.front().subject(), ", SHA-256 ",
        HexPrefix(from_qos.front().digest()), "...) has another subject than the one installed for the key \"",
        request.key_name, "\" (", certificate.subject(), ", SHA-256 ", HexPrefix(certificate.digest()),
        "...); save the installed one with: ddskeyctl cert show ", request.key_name, " --pem"));
  }
  participant.subject_der = certificate.subject_der();
  participant.guid = AdjustedGuid(certificate.subject_der(), request.candidate_guid);
  ASSIGN_OR_RETURN(std::string ticket, parts_.sealer.Seal(TicketKind::kIdentity, {CallerBinding(caller), ""},
                                                          EncodeParticipant(participant), nullptr));
  if (parts_.book != nullptr) parts_.book->Note(caller, participant.guid, participant.generation_uuid);
  const Certificate& ca = trust->anchors().front();
  return LocalIdentity{.adjusted_guid = participant.guid,
                       .ticket = std::move(ticket),
                       .subject = certificate.subject(),
                       .algorithm = certificate.token_algorithm(),
                       .ca_subject = ca.subject(),
                       .ca_algorithm = ca.token_algorithm(),
                       .not_after = certificate.not_after()};
}

absl::StatusOr<Admitted> Admission::Admit(const Subject& caller, const std::string& identity_ticket,
                                          Trail& trail) const {
  const uint64_t revision = parts_.changes.revision();
  ASSIGN_OR_RETURN(const OpenedTicket opened,
                   parts_.sealer.Open(TicketKind::kIdentity, {CallerBinding(caller), ""}, identity_ticket));
  auto participant = DecodeParticipant(opened.body);
  if (!participant.has_value()) return CannotOpen();
  trail.Key(participant->key_name);
  ASSIGN_OR_RETURN(auto identity, Permitted(caller, participant->key_name, trail));
  if (identity->uuid != participant->identity_uuid) {
    trail.Reason("the key of that name is another one than the participant began with");
    return NotPermitted();
  }
  if (participant->own_trust) {
    const Decision decision = parts_.authorizer.policy()->Evaluate(caller, Action::kOwnTrust, participant->key_name);
    if (!decision.allowed || !identity->trust.anchors.empty()) {
      trail.Reason("the right to bring trust anchors was withdrawn");
      return NotPermitted();
    }
  }
  ASSIGN_OR_RETURN(auto trust, participant->own_trust ? trust_.Get(participant->anchors, participant->revocation_lists)
                                                      : trust_.Of(identity));
  // It may have expired since the participant began.
  ASSIGN_OR_RETURN(auto own, ValidateOwn(caller, participant->key_name, *identity, identity->current(), *trust, trail));
  if (parts_.book != nullptr) parts_.book->Note(caller, participant->guid, participant->generation_uuid);
  return Admitted{revision, *std::move(participant), std::move(identity), std::move(trust), std::move(own)};
}

absl::StatusOr<const KeyGeneration*> Admission::AdmitGeneration(const Subject& caller, const Admitted& admitted,
                                                                const std::string& uuid, Trail& trail) const {
  const std::vector<KeyGeneration>& all = admitted.identity->generations;
  const auto generation = std::ranges::find(all, uuid, &KeyGeneration::uuid);
  if (generation == all.end() || generation->purpose != KeyPurpose::kHandshake ||
      !Serves(*generation, parts_.clock())) {
    trail.Reason("the key generation of the ticket is gone");
    return NotPermitted();
  }
  if (generation->state != GenerationState::kCurrent) {
    RETURN_IF_ERROR(
        ValidateOwn(caller, admitted.participant.key_name, *admitted.identity, *generation, *admitted.trust, trail)
            .status());
  }
  return &*generation;
}

absl::Status Admission::CheckPermissions(const Admitted& admitted, const std::string& digest) {
  const std::string& pinned = admitted.identity->trust.permissions_sha256;
  if (pinned.empty() || pinned == digest) return absl::OkStatus();
  return absl::PermissionDeniedError(absl::StrCat("[permissions_pin] the key \"", admitted.participant.key_name,
                                                  "\" is pinned to the permissions document with the", " SHA-256 ",
                                                  HexPrefix(pinned), "..., and the participant's is another (",
                                                  HexPrefix(digest), "...); pin that one with: ddskeyctl trust set ",
                                                  admitted.participant.key_name, " --permissions FILE"));
}

LocalParticipant Admission::Local(const Subject& caller, const Admitted& admitted, Trail& trail) const {
  const KeyGeneration& generation = admitted.identity->current();
  const IdentityTrust& trust = admitted.identity->trust;
  LocalParticipant local = {.key_uuid = generation.uuid,
                            .algorithm = generation.algorithm,
                            .certificate = trust.keep_pem_text ? generation.certificate_chain
                                                               : Certificate::WithoutText(generation.certificate_chain),
                            .guid = admitted.participant.guid,
                            .domain_id = admitted.participant.domain_id,
                            .key_agreement = admitted.participant.key_agreement};
  if (trust.ocsp_response.empty()) return local;
  const auto status = parts_.validator.StatusOf(generation.certificate_chain, *admitted.trust, parts_.clock(),
                                                caller.uid, trust.ocsp_response);
  if (status.ok() && status->kind == CertificateStatus::Kind::kGood) {
    local.ocsp_response = trust.ocsp_response;
    return local;
  }
  const std::string warning =
      absl::StrCat("[ocsp_response] peers are not shown what is installed for the key: ", status.status().message());
  if (warnings_.IsNew(admitted.participant.key_name, "", warning, parts_.clock())) trail.Warning(warning);
  return local;
}

absl::StatusOr<std::shared_ptr<const Certificate>> Admission::AdmitPeer(const Subject& caller, const Admitted& admitted,
                                                                        const PeerProof& proof, Trail& trail) const {
  trail.Peer("", HexPrefix(Sha256(proof.certificate)));
  if (parts_.check_clock) RETURN_IF_ERROR(parts_.check_clock());
  ASSIGN_OR_RETURN(const std::shared_ptr<const ValidCertificate> peer,
                   parts_.validator.Validate(proof.certificate, *admitted.trust, parts_.clock(), caller.uid,
                                             proof.ocsp_response, proof.shown));
  trail.Peer(peer->subject(), HexPrefix(peer->digest()));
  NoteWarnings(admitted.participant.key_name, *peer, trail);
  const Decision decision = parts_.authorizer.policy()->Evaluate(
      caller, Action::kHandshake, admitted.participant.key_name,
      PeerIdentity{peer->subject(), peer->issuer(), peer->serial()}, !admitted.participant.own_trust);
  trail.Rule(decision.rule);
  if (!decision.allowed) {
    trail.Reason(decision.reason);
    return absl::PermissionDeniedError(absl::StrCat("[peer] policy does not allow handshakes with ", peer->subject()));
  }
  return peer;
}

}  // namespace ddskey
