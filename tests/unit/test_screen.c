/*
 * The whole of role screen on real parts: rules from files, the zygote, children behind the sandbox, reading and
 * matching of real mail. What is lazily loaded by a library shows here, because a child can load nothing.
 */
#include <attune/clock.h>
#include <attune/pack.h>
#include <attune/role.h>
#include <attune/sandbox.h>
#include <attune/screen.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[64];
static struct ipc_writer writer;
static struct arena *arena;

static const struct {
    const char *path;
    const char *text;
} files[] = {
    {"cues.yaml", "format: 1\ncues:\n  - {id: sign, title: A sign, alone: review, about: \"Test\"}\n"},
    {"policy.yaml",
     "format: 1\nroutes:\n"
     "  - {id: now, when: {urgency: now}, queue: clinical, folder: urgent, page: clinical, deadline: 5m}\n"
     "  - {id: soon, when: {urgency: soon}, queue: clinical, folder: today, deadline: 4h}\n"
     "  - {id: review, when: {urgency: review}, queue: clinical, folder: review, deadline: 24h}\n"
     "  - {id: routine, queue: agent, folder: agent, hint: handle}\n"},
    {"protocols/test.txt", "Test card\nDraft: to be approved by the site's clinical lead.\nA card.\n"},
    {"en/test.yaml",
     "format: 1\npack: en/test\nlanguage: en\nrules:\n  - id: en.test.sign\n    title: Test\n    cue: sign\n    "
     "status: live\n"
     "    urgency: review\n    why: Test\n    say: [\"the heron stands alone\"]\n    handle: test\n    tests:\n"
     "      - fires: \"today the heron stands alone\"\n      - fires: \"The heron stands alone.\"\n"
     "      - silent: \"a heron stands there\"\n      - silent: \"alone\"\n"},
    {"uk/test.yaml",
     "format: 1\npack: uk/test\nlanguage: uk\nrules:\n  - id: uk.test.sign\n    title: Test\n    cue: sign\n    "
     "status: live\n"
     "    urgency: review\n    why: Test\n    say: [\"чапля стоїть сама\"]\n    handle: test\n    tests:\n"
     "      - fires: \"сьогодні чапля стоїть сама\"\n      - fires: \"Чапля стоїть сама.\"\n"
     "      - silent: \"чапля стоїть там\"\n      - silent: \"сама\"\n"},
};

struct zygote {
    pid_t pid;
    struct ipc_channel *channel;
};

static enum err take(struct ipc_channel *channel, enum frame_type wanted, struct ipc_frame *frame)
{
    for (;;) {
        struct pollfd wait = {.fd = ipc_channel_fd(channel), .events = POLLIN};
        if (poll(&wait, 1, 60000) <= 0)
            return ERR_ABSENT;
        enum err error = ipc_receive(channel, frame);
        if (error != ERR_OK)
            return error;
        if (frame->type == wanted)
            return ERR_OK;
    }
}

static bool load(struct zygote *zygote, char *findings, size_t size)
{
    struct ipc_frame frame;
    unsigned char hash[HASH_SIZE];
    assert_int_equal(role_start(ROLE_SCREEN, NULL, &zygote->pid, &zygote->channel), ERR_OK);
    assert_int_equal(ipc_write_begin(&writer, FRAME_SCREEN_LOAD), ERR_OK);
    ipc_put_text(&writer, folder);
    ipc_put_u8(&writer, 4);
    assert_int_equal(ipc_write_end(&writer), ERR_OK);
    assert_int_equal(ipc_send(zygote->channel, &writer, -1), ERR_OK);
    assert_int_equal(take(zygote->channel, FRAME_SCREEN_LOADED, &frame), ERR_OK);
    bool ok = ipc_get_u8(&frame.body) != 0;
    ipc_get_bytes(&frame.body, hash, sizeof hash);
    assert_true(ipc_get_u32(&frame.body) == 2 || !ok);
    ipc_get_text(&frame.body, findings, size);
    assert_true(ipc_read_end(&frame.body));
    return ok;
}

static struct zygote start(void)
{
    struct zygote zygote;
    static char findings[64 * 1024];
    if (!load(&zygote, findings, sizeof findings))
        fail_msg("the rules did not load: %s", findings);
    return zygote;
}

static void stop(struct zygote *zygote)
{
    int status = -1;
    assert_int_equal(ipc_write_begin(&writer, FRAME_STOP), ERR_OK);
    assert_int_equal(ipc_write_end(&writer), ERR_OK);
    assert_int_equal(ipc_send(zygote->channel, &writer, -1), ERR_OK);
    assert_int_equal(waitpid(zygote->pid, &status, 0), zygote->pid);
    assert_int_equal(status, 0);
    ipc_channel_free(&zygote->channel);
}

static struct ipc_channel *spawn(struct zygote *zygote, uint32_t slot)
{
    struct ipc_frame frame;
    assert_int_equal(ipc_write_begin(&writer, FRAME_SCREEN_SPAWN), ERR_OK);
    ipc_put_u32(&writer, slot);
    assert_int_equal(ipc_write_end(&writer), ERR_OK);
    assert_int_equal(ipc_send(zygote->channel, &writer, -1), ERR_OK);
    assert_int_equal(take(zygote->channel, FRAME_SCREEN_CHILD, &frame), ERR_OK);
    assert_int_equal(ipc_get_u32(&frame.body), slot);
    struct ipc_channel *child = ipc_channel_new(frame.fd);
    assert_non_null(child);
    return child;
}

/* The verdict's bytes, without its time. */
static enum err screen(struct ipc_channel *child, struct str mail, enum screen_mode mode, struct verdict *verdict)
{
    struct ipc_frame frame;
    int fd;
    assert_int_equal(screen_seal(mail.data, mail.length, &fd), ERR_OK);
    assert_int_equal(ipc_write_begin(&writer, FRAME_CHILD_SCREEN), ERR_OK);
    ipc_put_u64(&writer, 9);
    ipc_put_u8(&writer, (uint8_t)mode);
    assert_int_equal(ipc_write_end(&writer), ERR_OK);
    assert_int_equal(ipc_send(child, &writer, fd), ERR_OK);
    enum err error = take(child, FRAME_CHILD_VERDICT, &frame);
    if (error != ERR_OK)
        return error;
    arena_reset(arena);
    assert_true(ipc_get_u64(&frame.body) == 9);
    assert_int_equal(verdict_get(&frame.body, arena, 2, verdict), ERR_OK);
    assert_true(ipc_read_end(&frame.body));
    return ERR_OK;
}

#define HEAD                                                                                                           \
    "From: Ana <ana@example.org>\r\nTo: help@example.net\r\nMessage-ID: <1@example.org>\r\nSubject: Question\r\n"
#define TEXT_HEAD HEAD "MIME-Version: 1.0\r\nContent-Type: text/plain; charset="

static const struct {
    const char *name;
    const char *mail;
    size_t hits;
    unsigned wanted; /* reasons that must stand */
    unsigned barred; /* reasons that must not */
} mails[] = {
    {"plain", HEAD "\r\nToday the heron stands alone.\r\n", 1, 0, REASON_UNPARSABLE | REASON_CUT},
    {"nothing in it", HEAD "\r\nThank you for the invoice.\r\n", 0, 0, REASON_UNPARSABLE},
    {"utf-8", TEXT_HEAD "utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nСьогодні чапля стоїть сама.\r\n", 1, 0,
     REASON_CHARSET},
    {"koi8-u", TEXT_HEAD "koi8-u\r\n\r\n\xfe\xc1\xd0\xcc\xd1 \xd3\xd4\xcf\xa7\xd4\xd8 \xd3\xc1\xcd\xc1\r\n", 1, 0,
     REASON_CHARSET},
    {"windows-1251", TEXT_HEAD "windows-1251\r\n\r\n\xd7\xe0\xef\xeb\xff \xf1\xf2\xee\xbf\xf2\xfc \xf1\xe0\xec\xe0\r\n",
     1, 0, REASON_CHARSET},
    {"base64",
     TEXT_HEAD "utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\nVG9kYXkgdGhlIGhlcm9uIHN0YW5kcyBhbG9uZS4=\r\n", 1, 0,
     REASON_UNPARSABLE},
    {"html",
     HEAD "MIME-Version: 1.0\r\nContent-Type: text/html; charset=us-ascii\r\n\r\n<p>Today the <b>heron</b> "
          "stands&nbsp;alone.</p>\r\n",
     1, 0, REASON_UNPARSABLE},
    {"multipart",
     HEAD "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\nToday the heron "
          "stands alone.\r\n--x\r\nContent-Type: image/png\r\n\r\nAAAA\r\n--x--\r\n",
     1, 0, REASON_UNPARSABLE},
    {"a charset nobody has", TEXT_HEAD "x-none\r\n\r\nToday the heron stands alone. \xff\xfe\r\n", 1, 0, 0},
    {"a broken boundary",
     HEAD "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"\\\"\r\n\r\nThe heron "
          "stands alone.\r\n",
     1, 0, 0},
    {"empty", "", 0, 0, 0},
    {"one NUL", "\x01", 0, 0, 0},
    {"no header", "\r\nToday the heron stands alone.\r\n", 1, 0, 0},
};

static void real_mail_is_read_in_a_child(void **state)
{
    (void)state;
    struct zygote zygote = start();
    struct ipc_channel *child = spawn(&zygote, 0);
    for (size_t i = 0; i < sizeof mails / sizeof *mails; i++) {
        struct verdict verdict;
        if (screen(child, str_of(mails[i].mail), SCREEN_FULL, &verdict) != ERR_OK)
            fail_msg("%s: no verdict", mails[i].name);
        if (verdict.hit_count != mails[i].hits || (verdict.reasons & mails[i].wanted) != mails[i].wanted ||
            (verdict.reasons & mails[i].barred) != 0)
            fail_msg("%s: %zu hits, reasons %#x", mails[i].name, verdict.hit_count, verdict.reasons);
    }
    ipc_channel_free(&child);
    stop(&zygote);
}

static void raw_mode_finds_the_words_too(void **state)
{
    (void)state;
    struct zygote zygote = start();
    struct ipc_channel *child = spawn(&zygote, 0);
    struct verdict verdict;
    assert_int_equal(screen(child, str_of(mails[0].mail), SCREEN_RAW, &verdict), ERR_OK);
    assert_int_equal(verdict.hit_count, 1);
    assert_true(verdict.reasons != 0);
    ipc_channel_free(&child);
    stop(&zygote);
}

static struct str repeat(const char *head, const char *unit, size_t size)
{
    size_t unit_length = strlen(unit), length = strlen(head);
    char *text = malloc(size + unit_length + 1);
    memcpy(text, head, length);
    while (length < size) {
        memcpy(text + length, unit, unit_length);
        length += unit_length;
    }
    return (struct str){text, length};
}

/* Mail made to cost much: each has its verdict within the budget of one message, in a child that then serves on. */
static void costly_mail_stays_within_its_budget(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *head;
        const char *unit;
        size_t size;
    } costly[] = {
        {"25 MiB of words", HEAD "\r\n", "Today the heron stands there. ", 25 * 1024 * 1024},
        {"25 MiB of one line", HEAD "\r\n", "a", 25 * 1024 * 1024},
        {"25 MiB of base64", HEAD "Content-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n",
         "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB\r\n", 25 * 1024 * 1024},
        {"25 MiB of HTML", HEAD "MIME-Version: 1.0\r\nContent-Type: text/html\r\n\r\n", "<div><b>x</b>",
         25 * 1024 * 1024},
        {"addresses without end", "To: ", "a:", 117 * 1024},
        {"five million header lines", "From: a@example.org\r\n", "X: y\r\n", 29 * 1024 * 1024},
        {"parts without end", HEAD "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n",
         "--x\r\n\r\na\r\n", 10 * 1024 * 1024},
        {"parts within parts", HEAD, "Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n", 2 * 1024 * 1024},
        {"almost the phrase", HEAD "\r\n", "the heron stands the heron stands ", 1024 * 1024},
        {"quotation marks", HEAD "\r\n", "> > > > > > a\r\n", 5 * 1024 * 1024},
    };
    struct zygote zygote = start();
    struct ipc_channel *child = spawn(&zygote, 0);
    for (size_t i = 0; i < sizeof costly / sizeof *costly; i++) {
        /* AddressSanitizer makes a search that stops early pay for the whole buffer: a twentieth of the size there. */
        size_t size = SANDBOX_LIMITS_MEMORY ? costly[i].size : costly[i].size / 20;
        struct str mail = repeat(costly[i].head, costly[i].unit, size);
        struct verdict verdict;
        if (screen(child, mail, SCREEN_FULL, &verdict) != ERR_OK)
            fail_msg("%s: no verdict", costly[i].name);
        print_message("screen: %s: %.0f ms\n", costly[i].name, (double)verdict.cpu_us / 1000);
        if (screen(child, mail, SCREEN_RAW, &verdict) != ERR_OK)
            fail_msg("%s: no verdict in raw mode", costly[i].name);
        free((void *)(uintptr_t)mail.data);
    }
    ipc_channel_free(&child);
    stop(&zygote);
}

static void same_mail_same_verdict(void **state)
{
    (void)state;
    struct zygote zygote = start();
    struct ipc_channel *first = spawn(&zygote, 0), *second = spawn(&zygote, 1);
    for (size_t i = 0; i < sizeof mails / sizeof *mails; i++) {
        struct verdict a, b;
        static unsigned char bytes[IPC_MAX_FRAME];
        assert_int_equal(screen(first, str_of(mails[i].mail), SCREEN_FULL, &a), ERR_OK);
        a.cpu_us = 0;
        assert_int_equal(ipc_write_begin(&writer, FRAME_CHILD_VERDICT), ERR_OK);
        verdict_put(&writer, &a);
        size_t length = writer.length;
        memcpy(bytes, writer.bytes, length);
        assert_int_equal(screen(second, str_of(mails[sizeof mails / sizeof *mails - 1 - i].mail), SCREEN_FULL, &b),
                         ERR_OK);
        assert_int_equal(screen(second, str_of(mails[i].mail), SCREEN_FULL, &b), ERR_OK);
        b.cpu_us = 0;
        assert_int_equal(ipc_write_begin(&writer, FRAME_CHILD_VERDICT), ERR_OK);
        verdict_put(&writer, &b);
        assert_int_equal(writer.length, length);
        assert_memory_equal(writer.bytes, bytes, length);
    }
    ipc_channel_free(&first);
    ipc_channel_free(&second);
    stop(&zygote);
}

static void write_rules(const char *path, const char *text)
{
    char name[256];
    snprintf(name, sizeof name, "%s/%s", folder, path);
    FILE *file = fopen(name, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void bad_rules_do_not_load(void **state)
{
    (void)state;
    struct zygote zygote;
    static char findings[64 * 1024];
    int status = 0;
    write_rules("en/test.yaml", "format: 1\npack: en/test\nlanguage: en\nrules:\n  - id: en.test.sign\n    sy: [a]\n");
    assert_false(load(&zygote, findings, sizeof findings));
    assert_non_null(strstr(findings, "en/test.yaml:6:"));
    assert_int_equal(waitpid(zygote.pid, &status, 0), zygote.pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    ipc_channel_free(&zygote.channel);
    write_rules(files[3].path, files[3].text);
}

static int set_up(void **state)
{
    (void)state;
    static const char *const folders[] = {"", "/protocols", "/en", "/uk"};
    char path[128];
    snprintf(folder, sizeof folder, "/tmp/attune-screen-XXXXXX");
    assert_non_null(mkdtemp(folder));
    for (size_t i = 1; i < sizeof folders / sizeof *folders; i++) {
        snprintf(path, sizeof path, "%s%s", folder, folders[i]);
        assert_int_equal(mkdir(path, 0700), 0);
    }
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        write_rules(files[i].path, files[i].text);
    arena = arena_new(1024 * 1024);
    return arena ? 0 : 1;
}

static int tear_down(void **state)
{
    (void)state;
    char command[128];
    arena_free(&arena);
    ipc_writer_free(&writer);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--role") == 0) {
        alarm(300);
        _exit(screen_main());
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(real_mail_is_read_in_a_child),
        cmocka_unit_test(raw_mode_finds_the_words_too),
        cmocka_unit_test(costly_mail_stays_within_its_budget),
        cmocka_unit_test(same_mail_same_verdict),
        cmocka_unit_test(bad_rules_do_not_load),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
