/* What the attributes of an element say about its words. Private to the readers of HTML; screen children. */
#ifndef ATTUNE_HTML_MARKS_H
#define ATTUNE_HTML_MARKS_H

#include <gumbo.h>
#include <stdbool.h>

enum html_mark {
    HTML_MARK_NONE,
    HTML_MARK_QUOTE,
    HTML_MARK_INTRODUCTION, /* its words before a blockquote introduce that; others may be answers */
    HTML_MARK_SIGNATURE,
};

/* All take elements. NULL when the attribute is absent. */
const char *html_attribute(const GumboNode *node, const char *name);
enum html_mark html_mark_of(const GumboNode *node);
/* A reader would not see it: "display:none" and the like. */
bool html_is_hidden(const GumboNode *node);
bool html_is_quotation(const GumboNode *node);

#endif
