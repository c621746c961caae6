/* A folder in memory-backed storage with a small good rule set, for fuzz targets that replace one file of it. */
#ifndef FUZZ_RULE_FILES_H
#define FUZZ_RULE_FILES_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char rule_folder[64];

static inline void write_rule_file(const char *name, const void *bytes, size_t length)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", rule_folder, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, bytes, length) != (ssize_t)length || close(fd) != 0)
        abort();
}

static inline void write_rule_text(const char *name, const char *text)
{
    write_rule_file(name, text, strlen(text));
}

static inline void remove_rule_folder(void)
{
    static const char *const names[] = {
        "cues.yaml", "policy.yaml", "protocols/card.txt", "en/lexicon.yaml", "en/x.yaml", "protocols", "en", ""};
    char path[128];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", rule_folder, names[i]);
        remove(path);
    }
}

/* The good set again, after one of its files was replaced. */
static inline void write_good_rules(void)
{
    write_rule_text("cues.yaml",
                    "format: 1\ncues: [{id: intent, title: T, alone: now}, {id: sleep, title: T, alone: adds}]\n");
    write_rule_text(
        "policy.yaml",
        "format: 1\nroutes:\n"
        "  - {id: now, when: {urgency: now}, queue: clinical, folder: urgent, page: clinical, deadline: 5m}\n"
        "  - {id: rest, queue: clinical, folder: today, deadline: 4h}\n");
    write_rule_text("protocols/card.txt", "A card\n");
    write_rule_text("en/lexicon.yaml",
                    "format: 1\nlanguage: en\nlexicon: {exist: [be here, exist]}\ncontractions: {\"don't\": do not}\n");
    write_rule_text(
        "en/x.yaml",
        "format: 1\nlanguage: en\nrules:\n"
        "  - id: en.x\n    title: T\n    cue: intent\n    urgency: now\n    status: live\n    why: W\n"
        "    say: [\"do not want to {exist}\", \"(cut|cuts) [(my|her)] ~3 arm*\", \"tonight ~2 (i|we) ~2 die\"]\n"
        "    unless: [\"paper ~1 arm*\"]\n    handle: card\n"
        "    tests: [{fires: cut arm}, {fires: cut arm paper x y z}, {silent: cut}, {silent: z}]\n");
}

static inline void make_rule_folder(void)
{
    char path[80];
    snprintf(rule_folder, sizeof rule_folder, "%s/attune-fuzz-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : P_tmpdir);
    if (!mkdtemp(rule_folder) || atexit(remove_rule_folder) != 0)
        abort();
    snprintf(path, sizeof path, "%s/en", rule_folder);
    mkdir(path, 0700);
    snprintf(path, sizeof path, "%s/protocols", rule_folder);
    mkdir(path, 0700);
    write_good_rules();
}

#endif
