#ifndef DAEMON_RPC_FILL_KEY_H_
#define DAEMON_RPC_FILL_KEY_H_

#include <memory>
#include <string>

#include "daemon/custodian/key_custodian.h"
#include "daemon/rpc/admitted_call.h"
#include "ddskey/v1/admin.pb.h"

namespace ddskey {

// StateName is a generation's state as admin.proto has it.
std::string StateName(GenerationState state);

// FillSummary fills in what there is to say of a certificate.
void FillSummary(const Certificate& leaf, v1::Certificate& out);

// FillCertificate is FillSummary of the installed certificate of a key that has one, with its anchors.
void FillCertificate(const KeyDescription& key, v1::Certificate& out);

// FillKey fills in what an administrator sees of an identity.
void FillKey(const KeyDescription& key, v1::Key& out);

// AnswerKey is the `done` of calls whose response is one key.
template <typename Response>
KeyCustodian::Done<KeyDescription> AnswerKey(const std::shared_ptr<AdmittedCall>& call, Response* response) {
  return [call, response](absl::StatusOr<KeyDescription> key) {
    if (!key.ok()) return call->Finish(key.status());
    FillKey(*key, *response->mutable_key());
    call->Finish(absl::OkStatus());
  };
}

}  // namespace ddskey

#endif  // DAEMON_RPC_FILL_KEY_H_
