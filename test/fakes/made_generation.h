#ifndef TEST_FAKES_MADE_GENERATION_H_
#define TEST_FAKES_MADE_GENERATION_H_

#include <string>

#include "daemon/backend/key_backend.h"
#include "daemon/keystore/key_store.h"

namespace ddskey::test {

// MadeGeneration has `backend`, which the keystore knows as `backend_uuid`, make a P-256 key, and waits for it. It has
// no certificate yet.
KeyGeneration MadeGeneration(KeyBackend& backend, const std::string& backend_uuid,
                             KeyPurpose purpose = KeyPurpose::kHandshake);

}  // namespace ddskey::test

#endif  // TEST_FAKES_MADE_GENERATION_H_
