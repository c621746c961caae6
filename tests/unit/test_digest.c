/* The digest: golden texts, its cut, when it is due; and our own mail: its form and its proof. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <attune/digest.h>
#include <attune/mail.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const int64_t NOW = 1763798400000; /* 2025-11-22 08:00 UTC, a Saturday */
enum { MINUTE = 60000, HOUR = 3600000 };

static void set_zone(const char *zone)
{
    setenv("TZ", zone, 1);
    tzset();
}

static struct digest *new_digest(void)
{
    struct digest *digest = calloc(1, sizeof *digest);
    assert_non_null(digest);
    digest->now_ms = NOW;
    return digest;
}

static struct digest_item *add_item(struct digest *digest, enum digest_part part, const char *case_id,
                                    const char *folder)
{
    struct digest_item *item = &digest->items[digest->item_count++];
    *item = (struct digest_item){.part = part, .received_ms = NOW - 3 * HOUR};
    snprintf(item->case_id, sizeof item->case_id, "%s", case_id);
    snprintf(item->mailbox, sizeof item->mailbox, "support");
    snprintf(item->folder, sizeof item->folder, "%s", folder);
    digest->totals[part]++;
    return item;
}

static void add_group(struct digest *digest, enum digest_part part, const char *folder, size_t count)
{
    struct digest_group *group = &digest->groups[digest->group_count++];
    *group = (struct digest_group){.part = part, .count = count};
    snprintf(group->mailbox, sizeof group->mailbox, "support");
    snprintf(group->folder, sizeof group->folder, "%s", folder);
    digest->totals[part] = count;
}

static struct digest *full_digest(void)
{
    struct digest *digest = new_digest();
    struct digest_item *item = add_item(digest, DIGEST_NOW, "aaaaaaaabbbbbbbbccccccccdd", "Clinical/Urgent");
    item->deadline_ms = NOW - 2 * HOUR - 5 * MINUTE;
    snprintf(item->cues, sizeof item->cues, "Sees no way out; A wish not to live; Reads as a goodbye");
    snprintf(item->cards, sizeof item->cards, "A wish not to live");
    item = add_item(digest, DIGEST_REVIEW, "eeeeeeeeffffffffgggggggghh", "Pregled-\xc4\x8d <1>");
    item->reasons = REASON_ENCRYPTED | REASON_CUT;
    item = add_item(digest, DIGEST_IN_HAND, "iiiiiiiijjjjjjjjkkkkkkkkll", "Clinical/Urgent");
    snprintf(item->acknowledged_by, sizeof item->acknowledged_by, "ana");
    item->acknowledged_ms = NOW - 26 * HOUR;
    add_group(digest, DIGEST_NOW, "Clinical/Urgent", 1);
    add_group(digest, DIGEST_REVIEW, "Pregled-\xc4\x8d <1>", 4);
    add_group(digest, DIGEST_IN_HAND, "Clinical/Urgent", 1);
    digest->overdue = 1;
    digest->unscreened[0] = 7;
    digest_add_note(digest, "The rules in force are the last good set; the one offered does not load.");
    return digest;
}

static const char full_text[] = "5 to read\n\n"
                                "2025-11-22 08:00 UTC. Overdue: 1. Now: 1. Today: 0. Review: 4.\n\n"
                                "To read now (1)\n"
                                "---------------\n\n"
                                " * Case aaaaaaaa. OVERDUE by 2 h 5 min, read by 05:55\n"
                                "   Clinical/Urgent, mailbox support, arrived 3 h 0 min ago\n"
                                "   Suggests: Sees no way out; A wish not to live; Reads as a goodbye\n"
                                "   Card: A wish not to live\n\n\n"
                                "To review (4)\n"
                                "-------------\n\n"
                                " * Case eeeeeeee. In turn\n"
                                "   Pregled-\xc4\x8d <1>, mailbox support, arrived 3 h 0 min ago\n"
                                "   Not read in full: encrypted, cut\n\n"
                                " * and 3 more in Pregled-\xc4\x8d <1> (support)\n\n"
                                "In somebody's hand, not closed (1)\n"
                                "----------------------------------\n\n"
                                " * Case iiiiiiii. With ana since Fri 21 Nov 06:00\n"
                                "   Clinical/Urgent, mailbox support, arrived 3 h 0 min ago\n\n\n"
                                "Left with agents, not read in full\n"
                                "----------------------------------\n\n"
                                " * encrypted: 7\n\n"
                                "Attune itself\n"
                                "-------------\n\n"
                                " * The rules in force are the last good set; the one offered does not\n"
                                "   load.\n\n"
                                "The messages are in the folders named here. To take one in hand: attune\n"
                                "ack CASE. This mail holds no words of any message.\n";

static void writes_the_text(void **state)
{
    (void)state;
    struct digest *digest = full_digest();
    struct buf text;
    set_zone("UTC");
    buf_init(&text, 64 * 1024);
    digest_write_text(digest, digest->item_count, &text);
    assert_string_equal(buf_text(&text), full_text);
    buf_free(&text);
    free(digest);
}

static void writes_the_html(void **state)
{
    (void)state;
    struct digest *digest = full_digest();
    struct buf html;
    buf_init(&html, 64 * 1024);
    digest_write_html(digest, digest->item_count, &html);
    const char *text = buf_text(&html);
    assert_non_null(strstr(text, "<h2>To read now (1)</h2>"));
    assert_non_null(strstr(text, "<span class=\"late\">OVERDUE by 2 h 5 min, read by 05:55</span>"));
    assert_non_null(strstr(text, "Pregled-&#269; &#60;1&#62;"));
    assert_non_null(strstr(text, "<li>and 3 more in Pregled-&#269; &#60;1&#62; (support)</li>"));
    assert_null(strstr(text, "To read today"));
    for (size_t i = 0; i < html.length; i++)
        assert_true(text[i] == '\n' || (text[i] >= 0x20 && text[i] < 0x7f));
    buf_free(&html);
    free(digest);
}

static void says_that_nothing_waits(void **state)
{
    (void)state;
    struct digest *digest = new_digest();
    struct buf text;
    buf_init(&text, 64 * 1024);
    digest_write_text(digest, 0, &text);
    assert_non_null(strstr(buf_text(&text), "0 to read\n\n2025-11-22 08:00 UTC. Nothing waits for a clinician.\n"));
    buf_free(&text);
    free(digest);
}

static void counts_what_is_left_out(void **state)
{
    (void)state;
    struct digest *digest = full_digest();
    struct buf text;
    buf_init(&text, 64 * 1024);
    digest_write_text(digest, 1, &text);
    assert_non_null(strstr(buf_text(&text), "Case aaaaaaaa"));
    assert_null(strstr(buf_text(&text), "Case eeeeeeee"));
    assert_non_null(strstr(buf_text(&text), " * and 4 more in Pregled-\xc4\x8d <1> (support)\n"));
    assert_non_null(strstr(buf_text(&text), " * and 1 more in Clinical/Urgent (support)\n"));
    buf_free(&text);
    free(digest);
}

static void bounds_its_notes(void **state)
{
    (void)state;
    struct digest *digest = new_digest();
    for (int i = 0; i < DIGEST_MAX_NOTES + 5; i++)
        digest_add_note(digest, "%0300d", i);
    assert_int_equal(digest->note_count, DIGEST_MAX_NOTES);
    assert_int_equal(strlen(digest->notes[0]), DIGEST_NOTE_SIZE - 1);
    free(digest);
}

/* --- when -------------------------------------------------------------------------------------------------------- */

static int64_t local_ms(int year, int month, int day, int hour, int minute)
{
    struct tm parts = {
        .tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day, .tm_hour = hour, .tm_min = minute, .tm_isdst = -1};
    return (int64_t)mktime(&parts) * 1000;
}

enum { EVERY_DAY = 0x7f, WORK_DAYS = 0x3e };

static int64_t due_of(uint32_t minute, uint32_t days, int64_t now_ms)
{
    struct conf_digest digests[] = {{"ben", 0, EVERY_DAY}, {"ana", minute, days}};
    struct conf conf = {.digests = digests, .digest_count = 2};
    return digest_last_due(&conf, "ana", now_ms);
}

static void finds_the_last_period(void **state)
{
    (void)state;
    set_zone("Europe/Ljubljana");
    assert_int_equal(due_of(480, EVERY_DAY, local_ms(2025, 11, 22, 8, 0)), local_ms(2025, 11, 22, 8, 0));
    assert_int_equal(due_of(480, EVERY_DAY, local_ms(2025, 11, 22, 8, 0) - 1), local_ms(2025, 11, 21, 8, 0));
    assert_int_equal(due_of(480, WORK_DAYS, local_ms(2025, 11, 23, 12, 0)), local_ms(2025, 11, 21, 8, 0));
    assert_int_equal(due_of(480, 1u << 1, local_ms(2025, 11, 24, 7, 59)), local_ms(2025, 11, 17, 8, 0));
    assert_int_equal(due_of(0, EVERY_DAY, local_ms(2026, 1, 1, 0, 30)), local_ms(2026, 1, 1, 0, 0));
    struct conf none = {0};
    assert_int_equal(digest_last_due(&none, "ana", NOW), 0);
}

/* Over a night in which the clocks change, each day has one period and none comes twice. */
static void keeps_one_period_a_day_over_clock_changes(void **state)
{
    (void)state;
    set_zone("Europe/Ljubljana");
    static const struct {
        int month, day;
    } nights[] = {{3, 30}, {10, 26}}; /* 2025: forward at 02:00, back at 03:00 */
    for (size_t i = 0; i < 2; i++) {
        int64_t last = 0;
        int periods = 0;
        for (int64_t now = local_ms(2025, nights[i].month, nights[i].day - 1, 12, 0),
                     end = local_ms(2025, nights[i].month, nights[i].day + 1, 12, 0);
             now < end; now += MINUTE) {
            int64_t due = due_of(150, EVERY_DAY, now); /* 02:30: skipped in March, twice in October */
            assert_true(due <= now);
            if (last && due > last)
                periods++;
            last = due > last ? due : last;
        }
        assert_int_equal(periods, 2);
    }
    set_zone("UTC");
}

static void tells_staff_safety_to_its_ladder(void **state)
{
    (void)state;
    struct conf conf = {.safety_count = 0};
    assert_true(digest_may_see_safety(&conf, "ana"));
    conf.safety[conf.safety_count++] = (struct conf_step){.to = "ben"};
    assert_false(digest_may_see_safety(&conf, "ana"));
    assert_true(digest_may_see_safety(&conf, "ben"));
    conf.safety[conf.safety_count++] = (struct conf_step){.to = CONF_EVERYBODY};
    assert_true(digest_may_see_safety(&conf, "ana"));
}

/* --- our own mail ------------------------------------------------------------------------------------------------ */

static const char mail_id[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

static enum err compose(const char *text, size_t maximum, struct buf *out)
{
    static const unsigned char key[HASH_SIZE] = {7};
    struct mail mail = {"attune@example.org", "ana@example.org", "[attune] to read now: abcdefgh", NOW, mail_id, text,
                        "<p>html</p>\n"};
    buf_init(out, maximum);
    return mail_compose(&mail, key, out);
}

static void composes_mail(void **state)
{
    (void)state;
    struct buf first, again;
    assert_int_equal(compose("text \xc4\x8d\n.dot\n", MAIL_MAX_BYTES, &first), ERR_OK);
    assert_int_equal(compose("text \xc4\x8d\n.dot\n", MAIL_MAX_BYTES, &again), ERR_OK);
    assert_true(str_equal(buf_str(&first), buf_str(&again)));
    static const char *const fields[] = {
        "From: attune@example.org\r\n",
        "To: ana@example.org\r\n",
        "Subject: [attune] to read now: abcdefgh\r\n",
        "Date: Sat, 22 Nov 2025 08:00:00 +0000\r\n",
        "Auto-Submitted: auto-generated\r\n",
        "X-Auto-Response-Suppress: All\r\n",
        "X-Attune-Origin: v1=",
        "MIME-Version: 1.0\r\n",
        "<0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef@example.org>\r\n",
        "multipart/alternative",
        "text =C4=8D",
        "<p>html</p>"};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (!strstr(buf_text(&first), fields[i]))
            fail_msg("no %s in:\n%s", fields[i], buf_text(&first));
    for (const char *line = buf_text(&first), *end; (end = strstr(line, "\r\n")); line = end + 2)
        assert_true(end - line <= 115); /* the Message-ID is the longest */
    assert_true(strstr(buf_text(&first), "text/plain") < strstr(buf_text(&first), "text/html"));
    for (size_t i = 1; i < first.length; i++)
        assert_false(first.data[i] == '\n' && first.data[i - 1] != '\r');
    buf_free(&first);
    buf_free(&again);
    assert_int_equal(compose("text", 500, &first), ERR_LIMIT);
    buf_free(&first);
}

/* What a line may not hold is quoted, and no line of the text ends a part or the message. */
static void quotes_text(void **state)
{
    (void)state;
    static const struct {
        const char *text, *quoted;
    } cases[] = {
        {"a=b\n", "\r\n\r\na=3Db\r\n\r\n--"},
        {"end \nof", "\r\n\r\nend=20\r\nof\r\n\r\n--"},
        {"tab\tcr\rdel\x7f\n", "tab=09cr=0Ddel=7F\r\n"},
        {"--=_0123456789abcdef0123456789abcdef--\n", "--=3D_0123456789abcdef"},
        {"", "\r\n\r\n\r\n--"},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab\n", "aab\r\n"},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab\n", "aaa=\r\nb\r\n"},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa=\n", "aaa=\r\n=3D\r\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf out;
        assert_int_equal(compose(cases[i].text, MAIL_MAX_BYTES, &out), ERR_OK);
        if (!strstr(buf_text(&out), cases[i].quoted))
            fail_msg("no %s in:\n%s", cases[i].quoted, buf_text(&out));
        buf_free(&out);
    }
}

static void proves_only_its_own(void **state)
{
    (void)state;
    static const unsigned char key[HASH_SIZE] = {1}, other[HASH_SIZE] = {2};
    char proof[MAIL_PROOF_SIZE];
    mail_make_proof(key, STR("m1@example.org"), NOW + 321, proof);
    struct str given = str_of(proof);
    assert_true(mail_is_own(key, STR("m1@example.org"), NOW, given)); /* Date has whole seconds */
    assert_false(mail_is_own(other, STR("m1@example.org"), NOW, given));
    assert_false(mail_is_own(key, STR("m2@example.org"), NOW, given));
    assert_false(mail_is_own(key, STR("m1@example.org"), NOW + 1000, given));
    assert_false(mail_is_own(key, STR(""), NOW, given));
    for (size_t length = 0; length < given.length; length++)
        assert_false(mail_is_own(key, STR("m1@example.org"), NOW, str_slice(given, 0, length)));
    for (size_t i = 0; i < given.length; i++) {
        proof[i] ^= 1;
        assert_false(mail_is_own(key, STR("m1@example.org"), NOW, given));
        proof[i] ^= 1;
    }
}

static void makes_any_text_plain_ascii(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 1024);
    mail_html_add(&out, STR("a<b>&\"\xc5\xa1\xff\x01"));
    assert_string_equal(buf_text(&out), "a&#60;b&#62;&#38;&#34;&#353;&#65533;&#65533;");
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_the_text),
        cmocka_unit_test(writes_the_html),
        cmocka_unit_test(says_that_nothing_waits),
        cmocka_unit_test(counts_what_is_left_out),
        cmocka_unit_test(bounds_its_notes),
        cmocka_unit_test(finds_the_last_period),
        cmocka_unit_test(keeps_one_period_a_day_over_clock_changes),
        cmocka_unit_test(tells_staff_safety_to_its_ladder),
        cmocka_unit_test(composes_mail),
        cmocka_unit_test(quotes_text),
        cmocka_unit_test(proves_only_its_own),
        cmocka_unit_test(makes_any_text_plain_ascii),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
