/* The one C++ file: CLD2 behind a C function. Screen children; the bytes are valid UTF-8. */
#include <cld2/public/encodings.h>
#include <cstdio> // the next header uses FILE without saying so

#include <cld2/public/compact_lang_det.h>

extern "C" {
#include <attune/language.h>
}

struct cld2_guess language_cld2(const char *bytes, int length)
{
    CLD2::CLDHints hints = {nullptr, nullptr, CLD2::UNKNOWN_ENCODING, CLD2::UNKNOWN_LANGUAGE};
    CLD2::Language languages[3];
    int percents[3], text_bytes = 0;
    double scores[3];
    bool is_reliable = false;
    CLD2::ExtDetectLanguageSummary(bytes, length, true, &hints, 0, languages, percents, scores, nullptr, &text_bytes,
                                   &is_reliable);
    return {CLD2::LanguageCode(languages[0]), percents[0], text_bytes, is_reliable};
}
