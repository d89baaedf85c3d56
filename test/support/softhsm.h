#ifndef TEST_SUPPORT_SOFTHSM_H_
#define TEST_SUPPORT_SOFTHSM_H_

#include <string>

#include "test/support/temp_dir.h"

namespace ddskey::test {

// kSoftHsmModule is SoftHSM2 as a PKCS#11 module.
inline constexpr char kSoftHsmModule[] = "/usr/lib/softhsm/libsofthsm2.so";

// SoftHsm is a configuration of SoftHSM2 in a folder of its own, with tokens that are made fresh and that every user
// may use. What fails ends the test program with a message.
class SoftHsm {
 public:
  SoftHsm();

  // AddToken makes a token and returns its serial number. SoftHSM2 shows it to processes that initialize the module
  // afterwards.
  std::string AddToken(const std::string& label, const std::string& pin) const;

  // SetPin changes the PIN of the user, who is the only one to lose by it: the keys stay.
  void SetPin(const std::string& label, const std::string& pin) const;

  // Import puts a private key, PKCS#8 in PEM, and its public key into a token, under a label and a CKA_ID in
  // hexadecimal digits.
  void Import(const std::string& token, const std::string& pin, const std::string& pem, const std::string& label,
              const std::string& id) const;

  // Remove takes all tokens away, and Return brings them back, for processes that look anew.
  void Remove() const;
  void Return() const;

  // config is the path of the configuration, and environment the variable that names it: "SOFTHSM2_CONF=...".
  std::string config() const { return dir_.File("softhsm2.conf"); }
  std::string environment() const { return "SOFTHSM2_CONF=" + config(); }
  // tokens is the folder with a folder for each token.
  std::string tokens() const { return dir_.File("tokens"); }

 private:
  void Share() const;

  TempDir dir_;
};

}  // namespace ddskey::test

#endif  // TEST_SUPPORT_SOFTHSM_H_
