#include "daemon/backend/pkcs11/helper/module.h"

#include <p11-kit-1/p11-kit/p11-kit.h>
#include <p11-kit-1/p11-kit/uri.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "daemon/backend/pkcs11/helper/ckr.h"
#include "proto/contract/status_macros.h"

namespace ddskey::pkcs11 {
namespace {

constexpr std::array kModuleFiles = {"/etc/pkcs11/modules/", "/usr/share/p11-kit/modules/"};

bool IsPlainName(const std::string& name) {
  return !name.empty() && name.size() <= 64 && name.front() != '.' && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.';
  });
}

// The line "module: PATH" of p11-kit's description of a module (pkcs11.conf(5)).
absl::StatusOr<std::string> PathOf(const std::string& name) {
  if (!IsPlainName(name)) return absl::InvalidArgumentError("module-name is no name of a p11-kit module");
  for (const char* folder : kModuleFiles) {
    std::ifstream file(absl::StrCat(folder, name, ".module"));
    for (std::string line; std::getline(file, line);) {
      absl::string_view rest = line;
      if (absl::ConsumePrefix(&rest, "module:")) return std::string(absl::StripAsciiWhitespace(rest));
    }
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "p11-kit knows no module ", name, " that is a library; for one of its remote modules load p11-kit-client.so"));
}

}  // namespace

void UriDeleter::operator()(void* uri) const { p11_kit_uri_free(static_cast<P11KitUri*>(uri)); }

absl::StatusOr<ModuleName> ModuleName::Parse(const std::string& text) {
  ModuleName name;
  if (!text.starts_with("pkcs11:")) {
    name.path_ = text;
    if (text.empty()) return absl::InvalidArgumentError("there must be a module: --module PATH or a pkcs11: URI");
    return name;
  }
  P11KitUri* const uri = p11_kit_uri_new();
  name.uri_.reset(uri);
  const int parsed = p11_kit_uri_parse(text.c_str(), P11_KIT_URI_FOR_OBJECT_ON_TOKEN_AND_MODULE, uri);
  if (parsed != P11_KIT_URI_OK) {
    return absl::InvalidArgumentError(absl::StrCat("the pkcs11: URI cannot be read: ", p11_kit_uri_message(parsed)));
  }
  if (p11_kit_uri_any_unrecognized(uri) != 0) {
    return absl::InvalidArgumentError("the pkcs11: URI says something that is not understood");
  }
  if (p11_kit_uri_get_pin_value(uri) != nullptr || p11_kit_uri_get_pin_source(uri) != nullptr) {
    return absl::InvalidArgumentError("a PIN does not belong into the pkcs11: URI: ddskeyd is given it otherwise");
  }
  const char* const path = p11_kit_uri_get_module_path(uri);
  const char* const module = p11_kit_uri_get_module_name(uri);
  if ((path == nullptr) == (module == nullptr)) {
    return absl::InvalidArgumentError("the pkcs11: URI must have either a module-path or a module-name");
  }
  if (path != nullptr) {
    name.path_ = path;
  } else {
    ASSIGN_OR_RETURN(name.path_, PathOf(module));
  }
  return name;
}

bool ModuleName::Fits(const CK_TOKEN_INFO& token) const {
  return uri_ == nullptr || p11_kit_uri_match_token_info(static_cast<const P11KitUri*>(uri_.get()), &token) == 1;
}

absl::StatusOr<Module> Module::Load(const std::string& path) {
  // Not managed by p11-kit: the module's own functions, loaded with RTLD_NOW and RTLD_LOCAL.
  CK_FUNCTION_LIST* const functions = p11_kit_module_load(path.c_str(), P11_KIT_MODULE_UNMANAGED);
  if (functions == nullptr) {
    const char* const why = p11_kit_message();
    return absl::FailedPreconditionError(
        absl::StrCat("the PKCS#11 module ", path, " cannot be loaded: ", why == nullptr ? "it is no module" : why));
  }
  CK_C_INITIALIZE_ARGS arguments = {};
  arguments.flags = CKF_OS_LOCKING_OK;
  const CK_RV with_threads = functions->C_Initialize(&arguments);
  if (with_threads == CKR_OK) return Module(functions, true);
  if (const CK_RV without = functions->C_Initialize(nullptr); without != CKR_OK) {
    return FromCkr(with_threads, "initializing the PKCS#11 module");
  }
  return Module(functions, false);
}

}  // namespace ddskey::pkcs11
