#include "daemon/trust/pem.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "daemon/trust/openssl.h"

namespace ddskey::trust {
namespace {

struct OpensslFree {
  void operator()(void* p) const { OPENSSL_free(p); }
};

}  // namespace

absl::StatusOr<std::vector<std::string>> ReadPem(std::string_view document, std::string_view label, PemLimits limits) {
  if (document.size() > limits.octets) {
    return absl::InvalidArgumentError(absl::StrCat("the document is larger than ", limits.octets, " octets"));
  }
  while (!document.empty() && document.back() == '\0') document.remove_suffix(1);
  if (document.find('\0') != std::string_view::npos) {
    return absl::InvalidArgumentError("the document has a NUL in the middle");
  }
  std::vector<std::string> blocks;
  const OpensslPtr<BIO> in(BIO_new_mem_buf(document.data(), static_cast<int>(document.size())));
  // An empty document has no buffer to read from.
  while (in != nullptr && !document.empty()) {
    char* name = nullptr;
    char* header = nullptr;
    unsigned char* content = nullptr;
    long size = 0;
    // PEM_read_bio splits blocks and decodes base64; it decrypts nothing and asks for no passphrase.
    if (PEM_read_bio(in.get(), &name, &header, &content, &size) != 1) {
      const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
      const std::string reason = TakeError();
      if (at_end) break;
      return absl::InvalidArgumentError(absl::StrCat("a PEM block is malformed: ", reason));
    }
    const std::unique_ptr<char, OpensslFree> own_name(name);
    const std::unique_ptr<char, OpensslFree> own_header(header);
    const std::unique_ptr<unsigned char, OpensslFree> own_content(content);
    if (label != name) {
      return absl::InvalidArgumentError(absl::StrCat("a PEM block is labelled \"", PrintableText(name), "\", not \"",
                                                     absl::string_view(label.data(), label.size()), "\""));
    }
    if (*header != '\0') return absl::InvalidArgumentError("a PEM block has a header, as encrypted ones do");
    if (blocks.size() == limits.blocks) {
      return absl::InvalidArgumentError(absl::StrCat("there are more than ", limits.blocks, " PEM blocks"));
    }
    blocks.emplace_back(reinterpret_cast<const char*>(content), static_cast<size_t>(size));
  }
  return blocks;
}

std::string WritePem(std::string_view label, std::string_view der) {
  const OpensslPtr<BIO> out(BIO_new(BIO_s_mem()));
  PEM_write_bio(out.get(), std::string(label).c_str(), "", reinterpret_cast<const unsigned char*>(der.data()),
                static_cast<long>(der.size()));
  char* text = nullptr;
  const long size = BIO_get_mem_data(out.get(), &text);
  return size > 0 ? std::string(text, static_cast<size_t>(size)) : std::string();
}

std::string WithoutText(std::string_view document, std::string_view label, PemLimits limits) {
  const auto blocks = ReadPem(document, label, limits);
  if (!blocks.ok()) return std::string(document);
  std::string bare;
  for (const std::string& block : *blocks) bare += WritePem(label, block);
  return bare;
}

}  // namespace ddskey::trust
