#ifndef PLUGIN_SHIM_CYCLONEDDS_SHARED_SECRET_H_
#define PLUGIN_SHIM_CYCLONEDDS_SHARED_SECRET_H_

#include <memory>

#include "ddskey/v1/authentication.pb.h"
#include "plugin_shim/cyclonedds/dds_security.h"

namespace ddskey::cyclonedds {

// SharedSecret is the session secret of a pair, in the form and the memory in which the crypto plugin of Cyclone DDS
// reads it. It is erased before it is freed.
class SharedSecret {
 public:
  // Take moves the secret out of `result`, where it is erased. Null if the secret or the challenges are not of 32
  // octets.
  static std::unique_ptr<SharedSecret> Take(v1::HandshakeResult& result);

  ~SharedSecret();
  SharedSecret(const SharedSecret&) = delete;
  SharedSecret& operator=(const SharedSecret&) = delete;

  // handle is what the host gets; it lives as long as this object.
  DDS_Security_SharedSecretHandle handle() const;

 private:
  explicit SharedSecret(DDS_Security_SharedSecretHandleImpl* secret) : secret_(secret) {}

  DDS_Security_SharedSecretHandleImpl* const secret_;
};

}  // namespace ddskey::cyclonedds

#endif  // PLUGIN_SHIM_CYCLONEDDS_SHARED_SECRET_H_
