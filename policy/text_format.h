#ifndef POLICY_TEXT_FORMAT_H_
#define POLICY_TEXT_FORMAT_H_

#include <google/protobuf/message.h>

#include <functional>
#include <string>
#include <string_view>

namespace ddskey {

// TextPosition is a place in a document; both count from 1.
struct TextPosition {
  int line = 1;
  int column = 1;
};

// ParseStatements parses `text`, protobuf text format for messages of the type of `prototype`, one field of its top
// level at a time, so that a mistake in one hides none in another. For each field without mistakes it calls `use` with
// its position and a message that holds only this field; for each mistake `complain`, with its position, which says
// whether to go on.
void ParseStatements(std::string_view text, const google::protobuf::Message& prototype,
                     const std::function<void(TextPosition, const google::protobuf::Message&)>& use,
                     const std::function<bool(TextPosition, const std::string&)>& complain);

}  // namespace ddskey

#endif  // POLICY_TEXT_FORMAT_H_
