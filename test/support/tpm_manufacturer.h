#ifndef TEST_SUPPORT_TPM_MANUFACTURER_H_
#define TEST_SUPPORT_TPM_MANUFACTURER_H_

#include <memory>
#include <string>

#include "test/support/swtpm.h"
#include "test/support/temp_dir.h"

namespace ddskey::test {

// TpmManufacturer makes TPMs as swtpm_setup does: with an endorsement key of RSA-2048 at 0x81010001 and its certificate
// at 0x01c00002, of a CA of its own (swtpm_localca) with a root. Ends the test program if it cannot.
class TpmManufacturer {
 public:
  TpmManufacturer();

  // Make makes a TPM, and starts it.
  std::unique_ptr<Swtpm> Make() const;

  // roots is a PEM file with the CA and its root. It is there once a TPM was made.
  std::string roots() const;

 private:
  TempDir dir_;
};

}  // namespace ddskey::test

#endif  // TEST_SUPPORT_TPM_MANUFACTURER_H_
