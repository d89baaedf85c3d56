#ifndef PROTO_CONTRACT_PCR_BINDING_H_
#define PROTO_CONTRACT_PCR_BINDING_H_

#include <string>
#include <vector>

#include "proto/contract/pcr_policy.h"

namespace ddskey {

// PcrApproval is an authority's word that keys with a label may be used while registers have certain values.
struct PcrApproval {
  std::string label;
  PcrValues values;
  // Of ToBeApproved(values, label), with SHA-256: DER ECDSA-Sig-Value, or RSA PKCS#1 v1.5.
  std::string signature;
};

// PcrTerms is what a new key is to be bound to: the registers as they are when it is made.
struct PcrTerms {
  PcrSelection registers;
  // DER SubjectPublicKeyInfo of who may approve other values; empty if nobody may.
  std::string authority;
  // Which approvals of the authority are for this key; empty without an authority.
  std::string label;
  // What the authority approved already.
  std::vector<PcrApproval> approvals;
};

// PcrBinding is what a key is bound to: it is used only while the registers have one of these sets of values.
struct PcrBinding {
  // When it was made.
  PcrValues values;
  // As in PcrTerms.
  std::string authority;
  std::string label;
  std::vector<PcrApproval> approvals;
};

}  // namespace ddskey

#endif  // PROTO_CONTRACT_PCR_BINDING_H_
