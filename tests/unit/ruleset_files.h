/* A throw-away folder with a small rule set in it, for tests of loading, matching and deciding. */
#ifndef RULESET_FILES_H
#define RULESET_FILES_H

#include <attune/buf.h>
#include <attune/diag.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct folder {
    char path[64];
};

static inline struct folder folder_make(void)
{
    struct folder folder;
    snprintf(folder.path, sizeof folder.path, "%s/attune-rules-XXXXXX", P_tmpdir);
    assert_non_null(mkdtemp(folder.path));
    return folder;
}

/* Writes a file, making the folders it stands in. */
static inline void folder_write_bytes(const struct folder *folder, const char *name, const void *bytes, size_t length)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder->path, name);
    for (char *slash = path + strlen(folder->path) + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        mkdir(path, 0700);
        *slash = '/';
    }
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

static inline void folder_write(const struct folder *folder, const char *name, const char *text)
{
    folder_write_bytes(folder, name, text, strlen(text));
}

static inline void folder_remove(const struct folder *folder)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf -- '%s'", folder->path);
    assert_int_equal(system(command), 0);
}

/* A rule with two tests each way: `body` gives its say, unless and further tests. */
#define RULE(id, cue, urgency, say)                                                                                    \
    "  - {id: " id ", title: A title, cue: " cue ", urgency: " urgency ", status: live, why: A reason, say: [" say     \
    "], handle: card, tests: "

#define BASE_CUES                                                                                                      \
    "format: 1\ncues:\n"                                                                                               \
    "  - {id: intent, title: Intent, alone: now}\n"                                                                    \
    "  - {id: wish-to-die, title: A wish to die, alone: soon}\n"                                                       \
    "  - {id: distress, title: Distress, alone: review}\n"                                                             \
    "  - {id: sleep, title: Sleep, alone: adds}\n"                                                                     \
    "  - {id: staff-safety, title: Staff, alone: soon}\n"

#define BASE_POLICY                                                                                                    \
    "format: 1\nroutes:\n"                                                                                             \
    "  - {id: safety, when: {cue: [staff-safety], urgency: [soon, now]}, queue: clinical, folder: safety, page: "      \
    "safety, "                                                                                                         \
    "deadline: 5m, hint: hand-over}\n"                                                                                 \
    "  - {id: now, when: {urgency: now}, queue: clinical, folder: urgent, page: clinical, deadline: 5m}\n"             \
    "  - {id: soon, when: {urgency: soon}, queue: clinical, folder: today, deadline: 4h}\n"                            \
    "  - {id: review, when: {urgency: review}, queue: clinical, folder: review, deadline: 24h}\n"                      \
    "  - {id: routine, queue: agent, folder: agent, hint: handle}\n"

#define BASE_LEXICON "format: 1\nlanguage: en\nlexicon: {exist: [be here, exist]}\ncontractions: {\"don't\": do not}\n"

#define BASE_RULES                                                                                                                                                                                  \
    "format: 1\nlanguage: en\nrules:\n" RULE(                                                                                                                                                       \
        "en.intent", "intent", "now",                                                                                                                                                               \
        "tonight i will die") "[{fires: tonight I will die}, {fires: \"so tonight, I will die\"}, {silent: "                                                                                        \
                              "tonight I will dine}, "                                                                                                                                              \
                              "{silent: hello}]}\n" RULE(                                                                                                                                           \
                                  "en.wish", "wish-to-die", "soon",                                                                                                                                 \
                                  "\"do not want to {exist}\"") "[{fires: I don't want to be here}, {fires: I "                                                                                     \
                                                                "do not want to exist}, {silent: I want to "                                                                                        \
                                                                "exist}, "                                                                                                                          \
                                                                "{silent: hello}]}\n" RULE(                                                                                                         \
                                                                    "en.distress", "distress", "review",                                                                                            \
                                                                    "so tired of everything") "[{fires: so "                                                                                        \
                                                                                              "tired of "                                                                                           \
                                                                                              "everything}, "                                                                                       \
                                                                                              "{fires: \"I am "                                                                                     \
                                                                                              "so tired, of "                                                                                       \
                                                                                              "everything\"}, "                                                                                     \
                                                                                              "{silent: tired "                                                                                     \
                                                                                              "of "                                                                                                 \
                                                                                              "everything}, "                                                                                       \
                                                                                              "{silent: "                                                                                           \
                                                                                              "hello}]}"                                                                                            \
                                                                                              "\n" RULE(                                                                                            \
                                                                                                  "en.sleep", "sleep",                                                                              \
                                                                                                  "adds",                                                                                           \
                                                                                                  "awake all "                                                                                      \
                                                                                                  "night") "[{"                                                                                     \
                                                                                                           "fi"                                                                                     \
                                                                                                           "re"                                                                                     \
                                                                                                           "s:"                                                                                     \
                                                                                                           " a"                                                                                     \
                                                                                                           "wa"                                                                                     \
                                                                                                           "ke"                                                                                     \
                                                                                                           " a"                                                                                     \
                                                                                                           "ll"                                                                                     \
                                                                                                           " n"                                                                                     \
                                                                                                           "ig"                                                                                     \
                                                                                                           "ht"                                                                                     \
                                                                                                           "},"                                                                                     \
                                                                                                           " {"                                                                                     \
                                                                                                           "fi"                                                                                     \
                                                                                                           "re"                                                                                     \
                                                                                                           "s:"                                                                                     \
                                                                                                           " I"                                                                                     \
                                                                                                           " w"                                                                                     \
                                                                                                           "as"                                                                                     \
                                                                                                           " a"                                                                                     \
                                                                                                           "wa"                                                                                     \
                                                                                                           "ke"                                                                                     \
                                                                                                           " a"                                                                                     \
                                                                                                           "ll"                                                                                     \
                                                                                                           " n"                                                                                     \
                                                                                                           "ig"                                                                                     \
                                                                                                           "ht"                                                                                     \
                                                                                                           "},"                                                                                     \
                                                                                                           " {"                                                                                     \
                                                                                                           "si"                                                                                     \
                                                                                                           "le"                                                                                     \
                                                                                                           "nt"                                                                                     \
                                                                                                           ": "                                                                                     \
                                                                                                           "aw"                                                                                     \
                                                                                                           "ak"                                                                                     \
                                                                                                           "e "                                                                                     \
                                                                                                           "al"                                                                                     \
                                                                                                           "l "                                                                                     \
                                                                                                           "da"                                                                                     \
                                                                                                           "y}"                                                                                     \
                                                                                                           ", "                                                                                     \
                                                                                                           "{s"                                                                                     \
                                                                                                           "il"                                                                                     \
                                                                                                           "en"                                                                                     \
                                                                                                           "t:"                                                                                     \
                                                                                                           " h"                                                                                     \
                                                                                                           "el"                                                                                     \
                                                                                                           "lo"                                                                                     \
                                                                                                           "}]"                                                                                     \
                                                                                                           "}"                                                                                      \
                                                                                                           "\n" RULE(                                                                               \
                                                                                                               "en."                                                                                \
                                                                                                               "staf"                                                                               \
                                                                                                               "f",                                                                                 \
                                                                                                               "staff"                                                                              \
                                                                                                               "-safe"                                                                              \
                                                                                                               "ty",                                                                                \
                                                                                                               "soon",                                                                              \
                                                                                                               "i "                                                                                 \
                                                                                                               "know "                                                                              \
                                                                                                               "where"                                                                              \
                                                                                                               " she "                                                                              \
                                                                                                               "live"                                                                               \
                                                                                                               "s") "[{fires: i know where she lives}, {fires: \"well, I know where she lives\"}, " \
                                                                                                                    "{silent: she knows where I live}, {silent: hello}]}\n"

static inline struct folder folder_make_base(void)
{
    struct folder folder = folder_make();
    folder_write(&folder, "cues.yaml", BASE_CUES);
    folder_write(&folder, "policy.yaml", BASE_POLICY);
    folder_write(&folder, "protocols/card.txt", "A card\n");
    folder_write(&folder, "en/lexicon.yaml", BASE_LEXICON);
    folder_write(&folder, "en/base.yaml", BASE_RULES);
    return folder;
}

/* Fails unless some finding's printed line holds `part`. */
static inline void expect_finding(const struct diag *diag, const char *part)
{
    struct buf out;
    buf_init(&out, 1024 * 1024);
    diag_print(diag, &out);
    if (!strstr(buf_text(&out), part))
        fail_msg("no finding says \"%s\":\n%s", part, buf_text(&out));
    buf_free(&out);
}

#endif
