/* Mail from disk: one message, mbox of every dialect, folders, Maildirs, and what must be left out or told. */
#include <attune/mailsource.h>
#include <attune/reading.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define STRICT "From ann@example.org Sat Nov 21 09:30:00 2026\n"
#define MAIL "Subject: one\n\nbody\n"

/* A pipe that gives `text` in pieces of `piece` bytes at a time would need a writer; a file gives all there is. */
static int file_of(const char *bytes, size_t length)
{
    char path[] = "/tmp/attune-test-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    unlink(path);
    assert_int_equal(write(fd, bytes, length), length);
    lseek(fd, 0, SEEK_SET);
    return fd;
}

static void test_streams(void **state)
{
    (void)state;
    static const struct {
        struct str file;
        size_t count;
        const char *messages[4];
    } cases[] = {
        {STR(MAIL), 1, {MAIL}},
        {STR(""), 1, {""}},
        {STR("no header at all"), 1, {"no header at all"}},
        {STR(STRICT MAIL), 1, {MAIL}},
        {STR(STRICT MAIL "\n" STRICT MAIL), 2, {MAIL, MAIL}},
        {STR(STRICT MAIL STRICT MAIL), 2, {MAIL, MAIL}},
        {STR(STRICT "Subject: one\n\nbody"), 1, {"Subject: one\n\nbody"}},
        {STR("From - Sat Nov 21 09:30 2026\r\nSubject: x\r\n\r\nb\r\n\r\nFrom - Sat Nov 21 09:30 2026\r\nA: b\r\n"),
         2,
         {"Subject: x\r\n\r\nb\r\n", "A: b\r\n"}},
        {STR(STRICT "A: b\n\nFrom now on I cannot\n"), 1, {"A: b\n\nFrom now on I cannot\n"}},
        {STR(STRICT "A: b\n\n>From here\n>>From there\n>Frame\n"), 1, {"A: b\n\nFrom here\n>From there\n>Frame\n"}},
        {STR("From MAILER-DAEMON\nA: b\n\nx\n\nFrom MAILER-DAEMON\nC: d\n\ny\n"), 2, {"A: b\n\nx\n", "C: d\n\ny\n"}},
        {STR("From here a letter\nbegins, not an mbox\n"), 1, {"From here a letter\nbegins, not an mbox\n"}},
        {STR(STRICT), 1, {""}},
        {STR(STRICT STRICT MAIL), 2, {"", MAIL}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct mailfile *opened = mailfile_open(file_of(cases[i].file.data, cases[i].file.length));
        struct buf out;
        bool cut;
        buf_init(&out, READING_MAX_MESSAGE);
        for (size_t n = 0; n < cases[i].count; n++) {
            assert_int_equal(mailfile_next(opened, &out, &cut), ERR_OK);
            if (!str_equal_text(buf_str(&out), cases[i].messages[n]))
                fail_msg("case %zu message %zu: \"%s\"", i, n, buf_text(&out));
            assert_false(cut);
        }
        assert_int_equal(mailfile_next(opened, &out, &cut), ERR_ABSENT);
        assert_int_equal(mailfile_next(opened, &out, &cut), ERR_ABSENT);
        buf_free(&out);
        mailfile_free(&opened);
        assert_null(opened);
    }
}

/* Separators at every place relative to the buffer's end, and lines longer than the buffer. */
static void test_mbox_at_every_offset(void **state)
{
    (void)state;
    static char file[3 * MAILFILE_BUFFER];
    const size_t tail = strlen("\n" STRICT MAIL);
    for (size_t offset = MAILFILE_BUFFER - 70; offset < MAILFILE_BUFFER + 10; offset++) {
        memset(file, 'x', sizeof file);
        memcpy(file, STRICT "A: b\n\n", strlen(STRICT "A: b\n\n"));
        file[offset - 1] = '\n';
        memcpy(file + offset, "\n" STRICT MAIL, tail);
        struct mailfile *opened = mailfile_open(file_of(file, offset + tail));
        struct buf out;
        bool cut;
        buf_init(&out, READING_MAX_MESSAGE);
        assert_int_equal(mailfile_next(opened, &out, &cut), ERR_OK);
        assert_int_equal(out.length, offset - strlen(STRICT));
        assert_int_equal(mailfile_next(opened, &out, &cut), ERR_OK);
        assert_string_equal(buf_text(&out), MAIL);
        assert_int_equal(mailfile_next(opened, &out, &cut), ERR_ABSENT);
        buf_free(&out);
        mailfile_free(&opened);
    }
}

/* A message over the limit is cut and flagged; in an mbox the next one is still found. */
static void test_cut(void **state)
{
    (void)state;
    size_t length = (size_t)READING_MAX_MESSAGE + 100;
    char *file = malloc(length + 200);
    assert_non_null(file);
    memset(file, 'x', length);
    memcpy(file, STRICT "A: b\n\n", strlen(STRICT "A: b\n\n"));
    memcpy(file + length, "\n" STRICT MAIL, strlen("\n" STRICT MAIL));
    struct mailfile *opened = mailfile_open(file_of(file, length + strlen("\n" STRICT MAIL)));
    struct buf out;
    bool cut;
    buf_init(&out, READING_MAX_MESSAGE);
    assert_int_equal(mailfile_next(opened, &out, &cut), ERR_OK);
    assert_true(cut);
    assert_int_equal(out.length, READING_MAX_MESSAGE);
    assert_int_equal(mailfile_next(opened, &out, &cut), ERR_OK);
    assert_false(cut);
    assert_string_equal(buf_text(&out), MAIL);
    mailfile_free(&opened);

    memset(file, 'x', length);
    opened = mailfile_open(file_of(file, length));
    assert_int_equal(mailfile_next(opened, &out, &cut), ERR_OK);
    assert_true(cut);
    assert_int_equal(mailfile_next(opened, &out, &cut), ERR_ABSENT);
    mailfile_free(&opened);
    buf_free(&out);
    free(file);
}

static void test_exactly_the_limit_is_not_cut(void **state)
{
    (void)state;
    char *file = calloc(1, READING_MAX_MESSAGE);
    assert_non_null(file);
    struct mailfile *opened = mailfile_open(file_of(file, READING_MAX_MESSAGE));
    struct buf out;
    bool cut;
    buf_init(&out, READING_MAX_MESSAGE);
    assert_int_equal(mailfile_next(opened, &out, &cut), ERR_OK);
    assert_false(cut);
    assert_int_equal(out.length, READING_MAX_MESSAGE);
    mailfile_free(&opened);
    buf_free(&out);
    free(file);
}

/* --- paths ------------------------------------------------------------------------------------------------------- */

static char root[] = "/tmp/attune-test-XXXXXX";

static int remove_entry(const char *path, const struct stat *about, int kind, struct FTW *position)
{
    (void)about;
    (void)kind;
    (void)position;
    return remove(path);
}

static int make_root(void **state)
{
    (void)state;
    strcpy(root + strlen(root) - 6, "XXXXXX");
    return mkdtemp(root) && chdir(root) == 0 ? 0 : -1;
}

static int remove_root(void **state)
{
    (void)state;
    assert_int_equal(chdir("/"), 0);
    return nftw(root, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static void put(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

struct heard {
    size_t count;
    char last[512];
};

static void hear(void *context, const char *path, const char *why)
{
    struct heard *heard = context;
    heard->count++;
    snprintf(heard->last, sizeof heard->last, "%s: %s", path, why);
}

/* The names of all messages below `path`, one after another with a space between. */
static const char *names_of(const char *path, struct heard *heard, size_t *skipped)
{
    static char names[4096];
    struct mailsource_item item;
    *heard = (struct heard){0};
    names[0] = '\0';
    struct mailsource *source = mailsource_new(&path, 1, hear, heard);
    assert_non_null(source);
    while (mailsource_next(source, &item) == ERR_OK) {
        assert_true(strlen(names) + strlen(item.name) + 2 < sizeof names);
        strcat(strcat(names, *names ? " " : ""), item.name);
    }
    *skipped = mailsource_skipped(source);
    mailsource_free(&source);
    assert_null(source);
    return names;
}

static void test_folder(void **state)
{
    (void)state;
    struct heard heard;
    size_t skipped;
    mkdir("d", 0700);
    mkdir("d/sub", 0700);
    mkdir("d/.hidden", 0700);
    put("d/b.eml", MAIL);
    put("d/a.EML", "");
    put("d/plain", MAIL);
    put("d/notes.txt", "these are notes\n");
    put("d/image.png", "\x89PNG\r\n");
    put("d/.hidden/x.eml", MAIL);
    put("d/sub/box", STRICT MAIL "\n" STRICT MAIL);
    put("d/sub/empty.mbox", "");
    assert_int_equal(mkfifo("d/pipe", 0600), 0);
    assert_int_equal(symlink("..", "d/sub/loop"), 0);
    assert_int_equal(symlink("../b.eml", "d/sub/link.eml"), 0);
    assert_string_equal(names_of("d", &heard, &skipped),
                        "d/a.EML d/b.eml d/plain d/sub/box#1 d/sub/box#2 d/sub/link.eml");
    assert_int_equal(heard.count, 0);
    assert_int_equal(skipped, 3);
    assert_string_equal(names_of("d/sub///", &heard, &skipped), "d/sub/box#1 d/sub/box#2 d/sub/link.eml");
}

static void test_maildir(void **state)
{
    (void)state;
    struct heard heard;
    size_t skipped;
    static const char *const folders[] = {"m",       "m/cur",       "m/new",       "m/tmp",
                                          "m/.Junk", "m/.Junk/cur", "m/.Junk/new", "m/.Junk/tmp"};
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++)
        mkdir(folders[i], 0700);
    put("m/cur/1.host:2,S", MAIL);
    put("m/new/2.host", "not even a header");
    put("m/tmp/3.host", MAIL);
    put("m/dovecot-uidlist", "3 V1 N2\n");
    put("m/.Junk/cur/4.host:2,", MAIL);
    assert_string_equal(names_of("m", &heard, &skipped), "m/.Junk/cur/4.host:2, m/cur/1.host:2,S m/new/2.host");
    assert_int_equal(skipped, 0);
    assert_string_equal(names_of("m/new", &heard, &skipped), "m/new/2.host");
}

/* A file that the operator names is read whatever it looks like; what cannot be read is told and does not end the rest.
 */
static void test_named_paths(void **state)
{
    (void)state;
    struct heard heard = {0};
    struct mailsource_item item;
    const char *paths[] = {"missing.eml", "odd", "shut", "one.eml"};
    put("odd", "\x01\x02");
    put("one.eml", MAIL);
    put("shut", MAIL);
    chmod("shut", 0);
    struct mailsource *source = mailsource_new(paths, 4, hear, &heard);
    assert_int_equal(mailsource_next(source, &item), ERR_OK);
    assert_string_equal(item.name, "odd");
    assert_int_equal(mailsource_next(source, &item), ERR_OK);
    if (geteuid() == 0) { /* root reads it all the same */
        assert_string_equal(item.name, "shut");
        assert_int_equal(mailsource_next(source, &item), ERR_OK);
    }
    assert_string_equal(item.name, "one.eml");
    assert_true(str_equal_text(item.raw, MAIL));
    assert_int_equal(mailsource_next(source, &item), ERR_ABSENT);
    assert_int_equal(heard.count, geteuid() == 0 ? 1 : 2);
    mailsource_free(&source);
}

static void test_depth(void **state)
{
    (void)state;
    struct heard heard;
    size_t skipped;
    char path[MAILSOURCE_MAX_DEPTH * 2 + 20] = "deep";
    mkdir(path, 0700);
    for (int i = 0; i < MAILSOURCE_MAX_DEPTH; i++) {
        strcat(path, "/d");
        assert_int_equal(mkdir(path, 0700), 0);
    }
    put("deep/a.eml", MAIL);
    assert_string_equal(names_of("deep", &heard, &skipped), "deep/a.eml");
    assert_int_equal(heard.count, 1);
    assert_non_null(strstr(heard.last, "too deeply"));
}

static void test_many(void **state)
{
    (void)state;
    char path[64];
    struct heard heard = {0};
    struct mailsource_item item;
    const char *folder = "many";
    mkdir(folder, 0700);
    for (int i = 0; i < 3000; i++) {
        snprintf(path, sizeof path, "many/%05d.eml", i);
        put(path, MAIL);
    }
    struct mailsource *source = mailsource_new(&folder, 1, hear, &heard);
    for (int i = 0; i < 3000; i++) {
        snprintf(path, sizeof path, "many/%05d.eml", i);
        assert_int_equal(mailsource_next(source, &item), ERR_OK);
        assert_string_equal(item.name, path);
    }
    assert_int_equal(mailsource_next(source, &item), ERR_ABSENT);
    mailsource_free(&source);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_streams),
        cmocka_unit_test(test_mbox_at_every_offset),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_exactly_the_limit_is_not_cut),
        cmocka_unit_test_setup_teardown(test_folder, make_root, remove_root),
        cmocka_unit_test_setup_teardown(test_maildir, make_root, remove_root),
        cmocka_unit_test_setup_teardown(test_named_paths, make_root, remove_root),
        cmocka_unit_test_setup_teardown(test_depth, make_root, remove_root),
        cmocka_unit_test_setup_teardown(test_many, make_root, remove_root),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
