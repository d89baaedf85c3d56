#include "proto/contract/attestation_binding.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

namespace ddskey {
namespace {

TEST(AttestationBindingTest, S11IsTheLabelAndCdr) {
  const std::string expected(
      "ddskey-attest-v1"
      "\0\0\0\1n\0\0\0"
      "\0\0\0\3ab\0\0"
      "\0\0\0\1c\0\0\0"
      "\0\0\0\2ee\0\0"
      "\0\0\0\4name",
      16 + 8 + 8 + 8 + 8 + 8);
  EXPECT_EQ(BindingOctets({.nonce = "n", .identity = "ab", .csr_sha256 = "c", .ek_sha256 = "ee", .ak_name = "name"}),
            expected);
}

TEST(AttestationBindingTest, S11NothingMovesFromOneFieldToAnother) {
  std::set<std::string> seen;
  for (const AttestationBinding& binding :
       {AttestationBinding{"ab", "c", "d", "e", "f"}, AttestationBinding{"a", "bc", "d", "e", "f"},
        AttestationBinding{"abc", "", "d", "e", "f"}, AttestationBinding{"ab", "cd", "", "e", "f"},
        AttestationBinding{"ab", "c", "de", "", "f"}, AttestationBinding{"ab", "c", "d", "ef", ""},
        AttestationBinding{"ab", "c", "d", "", "ef"}}) {
    EXPECT_TRUE(seen.insert(BindingOctets(binding)).second) << binding.nonce;
  }
}

}  // namespace
}  // namespace ddskey
