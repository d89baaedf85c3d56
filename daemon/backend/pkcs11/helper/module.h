#ifndef DAEMON_BACKEND_PKCS11_HELPER_MODULE_H_
#define DAEMON_BACKEND_PKCS11_HELPER_MODULE_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "daemon/backend/pkcs11/helper/cryptoki.h"

namespace ddskey::pkcs11 {

struct UriDeleter {
  void operator()(void* uri) const;
};

// ModuleName is where a module is, and which token is meant, as a path or a pkcs11: URI (RFC 7512) says it.
class ModuleName {
 public:
  // Parse: `text` is a path, or a URI with module-path, or with module-name: the name of a file
  // /etc/pkcs11/modules/NAME.module or /usr/share/p11-kit/modules/NAME.module. A path without a slash is looked for
  // where p11-kit has its modules. INVALID_ARGUMENT for other things, and for URIs that hold a PIN.
  static absl::StatusOr<ModuleName> Parse(const std::string& text);

  const std::string& path() const { return path_; }
  // Fits is whether the URI, if there was one, is about this token.
  bool Fits(const CK_TOKEN_INFO& token) const;

 private:
  std::string path_;
  std::unique_ptr<void, UriDeleter> uri_;
};

// Module is a PKCS#11 module in this process, loaded and initialized for the rest of the process's life.
class Module {
 public:
  // Load runs foreign code. FAILED_PRECONDITION if `path` cannot be loaded or is no module.
  static absl::StatusOr<Module> Load(const std::string& path);

  const CK_FUNCTION_LIST& functions() const { return *functions_; }
  // takes_threads is whether several threads may be in it at a time.
  bool takes_threads() const { return takes_threads_; }

 private:
  Module(const CK_FUNCTION_LIST* functions, bool takes_threads)
      : functions_(functions), takes_threads_(takes_threads) {}

  const CK_FUNCTION_LIST* functions_;
  bool takes_threads_;
};

}  // namespace ddskey::pkcs11

#endif  // DAEMON_BACKEND_PKCS11_HELPER_MODULE_H_
