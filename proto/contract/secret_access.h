#ifndef PROTO_CONTRACT_SECRET_ACCESS_H_
#define PROTO_CONTRACT_SECRET_ACCESS_H_

namespace ddskey {

// SecretAccess is the permit to read the bytes of a `SecretBytes`. The visibility list of this target names every
// package that may; nothing else can make one.
class SecretAccess {
 public:
  SecretAccess() = default;
};

}  // namespace ddskey

#endif  // PROTO_CONTRACT_SECRET_ACCESS_H_
