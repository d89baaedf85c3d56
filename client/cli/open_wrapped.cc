#include "client/cli/open_wrapped.h"

#include "client/attestation/wrapping.h"
#include "client/cli/file.h"
#include "proto/contract/status_macros.h"

namespace ddskey::cli {

absl::StatusOr<std::string> OpenWrapped(const std::string& name, const std::string& path, std::string_view kind,
                                        AdminClient& admin) {
  ASSIGN_OR_RETURN(const std::string octets, ReadLargeDocument(path));

  ASSIGN_OR_RETURN(const v1::WrappedDocument wrapped, attestation::ParseWrapped(octets));
  v1::ActivateCredentialRequest request;
  request.set_name(name);
  request.set_ek_sha256(wrapped.ek_sha256());
  request.set_ak_name(wrapped.ak_name());
  request.set_credential(wrapped.credential());
  request.set_encrypted_seed(wrapped.encrypted_seed());
  ASSIGN_OR_RETURN(const v1::ActivateCredentialResponse response, admin.ActivateCredential(request));
  return attestation::Unwrap(wrapped, name, kind, response.secret());
}

}  // namespace ddskey::cli
