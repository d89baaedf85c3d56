#ifndef POLICY_PATTERN_H_
#define POLICY_PATTERN_H_

#include <string_view>

namespace ddskey {

// MatchesPattern says whether all of `text` fits `pattern`, in which `*` stands for any run of characters and every
// other character for itself. A backslash belongs to the character behind it, in both: so in the RFC 2253 forms of
// names, a comma that separates attributes is told from an escaped one that is part of a value.
bool MatchesPattern(std::string_view pattern, std::string_view text);

// CoversPattern says whether every text that fits `narrow` fits `wide` too. It may say no where the answer is yes.
bool CoversPattern(std::string_view wide, std::string_view narrow);

}  // namespace ddskey

#endif  // POLICY_PATTERN_H_
