#ifndef PLUGIN_SHIM_PKCS11_SIGN_OPERATION_H_
#define PLUGIN_SHIM_PKCS11_SIGN_OPERATION_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "ddskey/v1/signing.pb.h"
#include "plugin_shim/pkcs11/cryptoki.h"
#include "plugin_shim/pkcs11/mechanisms.h"
#include "plugin_shim/pkcs11/object.h"
#include "plugin_shim/pkcs11/sha2.h"

namespace ddskey {

// SignOperation is what C_SignInit begins: data comes in parts, and a digest for the daemon comes out.
// Thread-compatible.
class SignOperation {
 public:
  // Begin checks that mechanism, parameters and key fit each other, and returns the error of C_SignInit.
  static CK_RV Begin(const CK_MECHANISM& mechanism, std::shared_ptr<const SigningIdentity> signer,
                     std::optional<SignOperation>& operation);

  CK_ULONG signature_size() const { return signer_->signature_size; }

  // Update takes more of the data; CKR_DATA_LEN_RANGE if no digest has so many octets.
  CK_RV Update(std::string_view data);

  // Finish fills in what the daemon is asked; an error if the data are no digest that it would sign (S-1).
  CK_RV Finish(v1::SignDigestRequest& request);

 private:
  SignOperation(const Mechanism& mechanism, std::shared_ptr<const SigningIdentity> signer, size_t digest_size);

  v1::SigningScheme scheme_;
  std::shared_ptr<const SigningIdentity> signer_;
  // Of the digest, where the parameters say it; 0 if it may be either.
  size_t digest_size_;
  // For data that are not hashed yet.
  std::optional<Sha2> hash_;
  std::string data_;
};

}  // namespace ddskey

#endif  // PLUGIN_SHIM_PKCS11_SIGN_OPERATION_H_
