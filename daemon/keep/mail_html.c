/*
 * The frame of our HTML mail. Run by keep. Colours: the reader's own, light or dark, with three of ours that keep 4.5:1
 * or more against white and against black-grey (WCAG 2.1, 1.4.3); urgency is always a word too. 16 px and 1.5 lines are
 * what a phone shows without zooming.
 */
#include <attune/mail.h>

static const char style[] =
    ":root{color-scheme:light dark}\n"
    "body{margin:0;padding:16px;background:#ffffff;color:#1b1b1f;max-width:42em}\n"
    "h1{font-size:22px;line-height:1.3;margin:0 0 8px}\n"
    "h2{font-size:18px;line-height:1.3;margin:28px 0 8px;padding-bottom:4px;border-bottom:1px solid #8a8a94}\n"
    "ol,ul{margin:0;padding-left:0;list-style:none}\n"
    "li{margin:0 0 14px;overflow-wrap:anywhere}\n"
    "code{font-family:ui-monospace,Menlo,Consolas,monospace;font-size:16px}\n"
    ".late{color:#9b1c1c;font-weight:bold}\n"
    ".quiet{color:#595963}\n"
    "@media (prefers-color-scheme:dark){\n"
    "body{background:#16161a;color:#ececf1}\n"
    "h2{border-bottom-color:#74747e}\n"
    ".late{color:#ff9d9d}\n"
    ".quiet{color:#b4b4bf}\n"
    "}\n";

void mail_html_add(struct buf *out, struct str text)
{
    for (size_t at = 0, length = 1; at < text.length; at += length) {
        uint32_t character = utf8_decode(text, at, &length);
        if (character < 0x20 || character > 0x7e || character == '<' || character == '>' || character == '&' ||
            character == '"')
            buf_addf(out, "&#%u;", character == '\n' ? 10u : character < 0x20 ? 0xfffdu : character);
        else
            buf_add_char(out, (char)character);
    }
}

void mail_html_begin(struct buf *out, const char *title)
{
    buf_add_text(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                      "<meta name=\"color-scheme\" content=\"light dark\">\n<title>");
    mail_html_add(out, str_of(title));
    buf_addf(out, "</title>\n<style>\n%s</style>\n</head>\n", style);
    /* Programs that drop the style sheet keep this, and show their own colours. */
    buf_add_text(out, "<body style=\"font-family:system-ui,-apple-system,'Segoe UI',Roboto,Arial,sans-serif;"
                      "font-size:16px;line-height:1.5\">\n<h1>");
    mail_html_add(out, str_of(title));
    buf_add_text(out, "</h1>\n");
}

void mail_html_end(struct buf *out)
{
    buf_add_text(out, "</body>\n</html>\n");
}
