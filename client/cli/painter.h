#ifndef CLIENT_CLI_PAINTER_H_
#define CLIENT_CLI_PAINTER_H_

#include <string>
#include <string_view>

namespace ddskey::cli {

// Ink is what a piece of text is to look like.
enum class Ink { kTitle, kGood, kWarning, kBad, kFaint };

// Painter puts colour on text that is printed, if it is to (ECMA-48, 8.3.117).
class Painter {
 public:
  explicit Painter(bool colour) : colour_(colour) {}

  // Paint returns `text`, which must be escaped, in `ink`.
  std::string Paint(Ink ink, std::string_view text) const {
    if (!colour_ || text.empty()) return std::string(text);
    return "\x1b[" + std::string(Code(ink)) + "m" + std::string(text) + "\x1b[0m";
  }

 private:
  static std::string_view Code(Ink ink) {
    switch (ink) {
      case Ink::kTitle:
        return "1";
      case Ink::kGood:
        return "32";
      case Ink::kWarning:
        return "33";
      case Ink::kBad:
        return "1;31";
      case Ink::kFaint:
        return "2";
    }
    return "0";
  }

  bool colour_;
};

}  // namespace ddskey::cli

#endif  // CLIENT_CLI_PAINTER_H_
